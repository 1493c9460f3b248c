"""What the API refuses in the schema of an answer, as its page on structured outputs lists it."""

from collections.abc import Mapping

from server.standin.validation.types import Refused

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_REFUSED = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("maxItems", "uniqueItems", "minProperties", "maxProperties", "oneOf", "not", "if", "patternProperties"),
        *("prefixItems", "contains", "propertyNames", "dependentRequired", "dependentSchemas"),
    }
)
_PLACE = "output_config.format.schema"


def check_format(schema: object) -> None:
    """Raises `Refused` for the schema of an answer that the API would not take."""
    _check(schema, schema, ())


def _check(schema: object, root: object, inside: tuple[str, ...]) -> None:
    """`inside` are the references that led here: none may lead here again."""
    if not isinstance(schema, dict):
        raise Refused(f"{_PLACE}: a schema must be an object")
    for word in sorted(_REFUSED & schema.keys()):
        raise Refused(f"{_PLACE}: For '{schema.get('type', 'any')}' type, property '{word}' is not supported")
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in inside:
            raise Refused(f"{_PLACE}: Recursive schemas are not supported: {reference}")
        _check(_target(root, reference), root, (*inside, reference))
    if not {"type", "enum", "const", "anyOf", "allOf", "$ref"} & schema.keys():
        raise Refused(f"{_PLACE}: Schema type is required")
    if isinstance(schema.get("type"), str) and schema["type"] not in _TYPES:
        raise Refused(f"{_PLACE}: Schema type '{schema['type']}' is not supported")
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise Refused(f"{_PLACE}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    if schema.get("minItems", 0) not in (0, 1):
        raise Refused(f"{_PLACE}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    inner = [schema["items"]] if "items" in schema else []
    inner += [*schema.get("anyOf", ()), *schema.get("allOf", ())]
    for group in ("properties", "$defs", "definitions"):
        inner += schema.get(group, {}).values()
    for part in inner:
        _check(part, root, inside)


def _target(root: object, reference: str) -> object:
    found = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    if found is None or not reference.startswith("#/"):
        raise Refused(f"{_PLACE}: External schema reference '{reference}' is not supported")
    return found
