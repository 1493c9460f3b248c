"""A made-up value for a JSON schema: what the demo fills in where a form is demanded."""

from collections.abc import Mapping

WORDS = "a demo value, not from Claude"
_DEEPEST = 12


def sample(schema: object) -> object:
    """A small value that fits the usual words of `schema`; patterns and conditions are not looked at."""
    root: Mapping[str, object] = schema if isinstance(schema, dict) else {}
    return _value(root, root, _DEEPEST)


def _value(schema: object, root: Mapping[str, object], depth: int) -> object:
    if not isinstance(schema, dict) or depth == 0:
        return None
    if "const" in schema:
        return schema["const"]
    for word in ("enum", "examples"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    if isinstance(schema.get("$ref"), str):
        return _value(_resolved(schema["$ref"], root), root, depth - 1)
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(word), list) and schema[word]:
            return _value(schema[word][0], root, depth - 1)
    return _of_kind(schema, root, depth)


def _of_kind(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> object:
    kinds = schema.get("type", "object" if "properties" in schema else "null")
    match kinds[0] if isinstance(kinds, list) and kinds else kinds:
        case "object":
            return _fields(schema, root, depth)
        case "array":
            count = min(_whole(schema, "minItems", 1), 100)
            return [_value(schema.get("items", {"type": "string"}), root, depth - 1)] * count
        case "string":
            words = WORDS[: _whole(schema, "maxLength", len(WORDS))]
            return words.ljust(min(_whole(schema, "minLength", 0), 10_000), ".")
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 1))
        case "boolean":
            return True
    return None


def _whole(schema: Mapping[str, object], word: str, default: int) -> int:
    value = schema.get(word)
    return value if isinstance(value, int) and value >= 0 else default


def _fields(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> dict[str, object]:
    """The required fields, or all where none is required."""
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    names = required if isinstance(required, list) and required else list(known)
    return {str(name): _value(known.get(name, {"type": "string"}), root, depth - 1) for name in names}


def _resolved(reference: str, root: Mapping[str, object]) -> object:
    """What a reference inside the same schema points to; nothing is ever fetched."""
    found: object = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found
