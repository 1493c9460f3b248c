"""Validates the schema of a structured output, by the API's documentation."""

from collections.abc import Mapping

from server.standin.validation.types import Rejected

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_UNSUPPORTED = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("maxItems", "uniqueItems", "minProperties", "maxProperties", "oneOf", "not", "if", "patternProperties"),
        *("prefixItems", "contains", "propertyNames", "dependentRequired", "dependentSchemas"),
    }
)
_PLACE = "output_config.format.schema"


def check_format(schema: object) -> None:
    """Raises `Rejected` for a schema that the API would not accept."""
    _check(schema, schema, ())


def _check(schema: object, root: object, inside: tuple[str, ...]) -> None:
    """`inside` are the references being followed, none of which may occur again."""
    if not isinstance(schema, dict):
        raise Rejected(f"{_PLACE}: a schema must be an object")
    for keyword in sorted(_UNSUPPORTED & schema.keys()):
        raise Rejected(f"{_PLACE}: For '{schema.get('type', 'any')}' type, property '{keyword}' is not supported")
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in inside:
            raise Rejected(f"{_PLACE}: Recursive schemas are not supported: {reference}")
        _check(_target(root, reference), root, (*inside, reference))
    if not {"type", "enum", "const", "anyOf", "allOf", "$ref"} & schema.keys():
        raise Rejected(f"{_PLACE}: Schema type is required")
    if isinstance(schema.get("type"), str) and schema["type"] not in _TYPES:
        raise Rejected(f"{_PLACE}: Schema type '{schema['type']}' is not supported")
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise Rejected(f"{_PLACE}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    if schema.get("minItems", 0) not in (0, 1):
        raise Rejected(f"{_PLACE}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    inner = [schema["items"]] if "items" in schema else []
    inner += [*schema.get("anyOf", ()), *schema.get("allOf", ())]
    for group in ("properties", "$defs", "definitions"):
        inner += schema.get(group, {}).values()
    for part in inner:
        _check(part, root, inside)


def _target(root: object, reference: str) -> object:
    target = root
    for step in reference.removeprefix("#/").split("/"):
        target = target.get(step) if isinstance(target, Mapping) else None
    if target is None or not reference.startswith("#/"):
        raise Rejected(f"{_PLACE}: External schema reference '{reference}' is not supported")
    return target
