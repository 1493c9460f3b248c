"""Makes up a value for a JSON schema, for the demo's structured outputs and tool calls."""

from collections.abc import Mapping

TEXT = "a demo value, not from Claude"
_MAX_DEPTH = 12


def sample(schema: object) -> object:
    """A small value that fits the common keywords of `schema`; patterns and conditions are ignored."""
    root: Mapping[str, object] = schema if isinstance(schema, dict) else {}
    return _value(root, root, _MAX_DEPTH)


def _value(schema: object, root: Mapping[str, object], depth: int) -> object:
    if not isinstance(schema, dict) or depth == 0:
        return None
    if "const" in schema:
        return schema["const"]
    for keyword in ("enum", "examples"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return schema[keyword][0]
    if isinstance(schema.get("$ref"), str):
        return _value(_resolved(schema["$ref"], root), root, depth - 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return _value(schema[keyword][0], root, depth - 1)
    return _of_type(schema, root, depth)


def _of_type(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> object:
    types = schema.get("type", "object" if "properties" in schema else "null")
    match types[0] if isinstance(types, list) and types else types:
        case "object":
            return _fields(schema, root, depth)
        case "array":
            count = min(_count(schema, "minItems", 1), 100)
            return [_value(schema.get("items", {"type": "string"}), root, depth - 1)] * count
        case "string":
            text = TEXT[: _count(schema, "maxLength", len(TEXT))]
            return text.ljust(min(_count(schema, "minLength", 0), 10_000), ".")
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 1))
        case "boolean":
            return True
    return None


def _count(schema: Mapping[str, object], keyword: str, default: int) -> int:
    value = schema.get(keyword)
    return value if isinstance(value, int) and value >= 0 else default


def _fields(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> dict[str, object]:
    """The required fields, or all if none is required."""
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    names = required if isinstance(required, list) and required else list(known)
    return {str(name): _value(known.get(name, {"type": "string"}), root, depth - 1) for name in names}


def _resolved(reference: str, root: Mapping[str, object]) -> object:
    """The target of a reference within the schema; nothing is fetched."""
    target: object = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
    return target
