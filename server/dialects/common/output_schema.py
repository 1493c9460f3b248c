"""Converts the JSON schema of an answer into one that Claude's structured outputs take.

Unsupported keywords that only narrow a value (`minimum`, `maxLength`, `pattern`) move into the description, where
Claude reads them, and are reported as without effect. Schemas that cannot be expressed (recursion, free-form objects,
external references) are refused. The rules are those of Anthropic's documentation of structured outputs and of
`transform_schema` in the `anthropic` package. Nothing is fetched and no pattern is run.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.errors import InvalidRequest

_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
# These do not constrain a value.
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "examples", "example", "default", "deprecated", "readOnly", "writeOnly"}
)
_KEPT = frozenset({"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions"})
# These only narrow a value of a type.
_NARROWING = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "contentEncoding", "contentMediaType"),
        *("maxItems", "uniqueItems", "minProperties", "maxProperties"),
    }
)
_OF_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}),
    "array": frozenset({"items", "minItems", "maxItems", "uniqueItems"}),
    "string": frozenset({"format", "minLength", "maxLength", "pattern", "contentEncoding", "contentMediaType"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"}),
}
_OF_SOME_TYPE = frozenset().union(*_OF_TYPE.values())
_MAX_DEPTH = 100

Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """A schema that Claude's API takes, as JSON text (None: any answer), and the places of keywords without effect."""

    text: str | None = None
    ignored: tuple[str, ...] = ()


NO_SCHEMA = OutputSchema()


def output_schema(schema: Schema, place: str) -> OutputSchema:
    """Converts the schema at `place`. Raises `InvalidRequest` that names a keyword that cannot be expressed."""
    converter = _Converter(schema, place)
    converted = converter.converted(schema, place, 0)
    return OutputSchema(json.dumps(converted, ensure_ascii=False), tuple(converter.ignored))


class _Converter:
    """Converts one schema, and collects the places of keywords without effect."""

    def __init__(self, root: Schema, place: str) -> None:
        self._root = root
        self._place = place
        self.ignored: list[str] = []
        self._refuse_recursion()

    def converted(self, schema: object, place: str, depth: int) -> dict[str, object]:
        """Returns the schema at `place` with supported keywords only."""
        if depth > _MAX_DEPTH:
            raise InvalidRequest(f"{place} is nested too deeply.", param=place)
        if not isinstance(schema, Mapping):
            raise _refused(place, "must be a schema, such as {'type': 'string'}")
        self._refuse_unknown(schema, place)
        result = self._definitions(schema, place, depth)
        if "$ref" in schema:
            return result | self._reference(schema, place)
        described = _description(schema)
        if variants := self._variants(schema, place, depth):
            result |= variants
        elif "const" in schema or "enum" in schema:
            result |= self._literals(schema, place)
        else:
            result |= self._typed(schema, place, depth, described)
        result |= {"title": schema["title"]} if isinstance(schema.get("title"), str) else {}
        return result | ({"description": "\n\n".join(described)} if described else {})

    def _refuse_unknown(self, schema: Schema, place: str) -> None:
        known = _KEPT | _ANNOTATIONS | _NARROWING | _OF_SOME_TYPE | {"title", "description", "format", "nullable"}
        for keyword in schema:
            if keyword not in known:
                raise _refused(f"{place}.{keyword}", "is not supported by Claude's structured outputs")

    def _definitions(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        groups: dict[str, object] = {}
        for keyword in ("$defs", "definitions"):
            if keyword in schema:
                group = _object(schema[keyword], f"{place}.{keyword}")
                groups[keyword] = {
                    name: self.converted(inner, f"{place}.{keyword}.{name}", depth + 1) for name, inner in group.items()
                }
        return groups

    def _reference(self, schema: Schema, place: str) -> dict[str, object]:
        target = schema["$ref"]
        if not isinstance(target, str) or not target.startswith(("#/$defs/", "#/definitions/")):
            raise _refused(f"{place}.$ref", "must point into the schema's own $defs; nothing is fetched")
        if _resolve(self._root, target) is None:
            raise _refused(f"{place}.$ref", "points to a definition that does not exist")
        described = _description(schema)
        # A reference must stand alone, so its description goes around it.
        return {"anyOf": [{"$ref": target}], "description": "\n\n".join(described)} if described else {"$ref": target}

    def _variants(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword not in schema:
                continue
            group = schema[keyword]
            if not isinstance(group, list) or not group:
                raise _refused(f"{place}.{keyword}", "must be a non-empty array of schemas")
            if keyword == "allOf" and len(group) > 1:
                raise _refused(f"{place}.allOf", "of several schemas is not supported by Claude's structured outputs")
            if keyword == "oneOf":
                # "Any of" instead of "exactly one of"; usually the variants exclude each other.
                self.ignored.append(f"{place}.oneOf")
            for other in _OF_SOME_TYPE & schema.keys():
                raise _refused(f"{place}.{other}", f"cannot be combined with {keyword}")
            return {"anyOf": [self.converted(one, f"{place}.{keyword}[{n}]", depth + 1) for n, one in enumerate(group)]}
        kinds = schema.get("type")
        if isinstance(kinds, list) and "enum" not in schema and "const" not in schema:
            return {"anyOf": [self.converted(_for_type(schema, kind), place, depth + 1) for kind in kinds]}
        return {}

    def _literals(self, schema: Schema, place: str) -> dict[str, object]:
        keyword = "const" if "const" in schema else "enum"
        values = [schema["const"]] if keyword == "const" else schema["enum"]
        if not isinstance(values, list) or not values:
            raise _refused(f"{place}.{keyword}", "must be a non-empty array of values")
        if not all(value is None or isinstance(value, str | int | float | bool) for value in values):
            raise _refused(f"{place}.{keyword}", "may contain only strings, numbers, booleans and null")
        return {keyword: schema[keyword]}

    def _typed(self, schema: Schema, place: str, depth: int, described: list[str]) -> dict[str, object]:
        kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
        if kind is None:
            raise _refused(f"{place}.type", "is required by Claude's structured outputs")
        if kind not in _TYPES:
            raise _refused(f"{place}.type", f"must be one of {', '.join(_TYPES)}")
        described += self._as_description(schema, place)
        match kind:
            case "object":
                return self._fields(schema, place, depth)
            case "array":
                return self._items(schema, place, depth)
            case "string" if _is_known_format(schema):
                return {"type": kind, "format": schema["format"]}
            case _:
                return {"type": kind}

    def _fields(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        properties = _object(schema.get("properties", {}), f"{place}.properties")
        others = schema.get("additionalProperties", False if properties else None)
        if others not in (False, True, None) or (not properties and others is not False):
            raise _refused(
                f"{place}.additionalProperties", "must be false: Claude's structured outputs need all properties listed"
            )
        if schema.get("additionalProperties"):
            self.ignored.append(f"{place}.additionalProperties")
        fields = {
            name: self.converted(inner, f"{place}.properties.{name}", depth + 1) for name, inner in properties.items()
        }
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) and name in properties for name in required):
            raise _refused(f"{place}.required", "must be an array of names of its properties")
        return {
            "type": "object",
            "properties": fields,
            **({"required": required} if "required" in schema else {}),
            "additionalProperties": False,
        }

    def _items(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        result: dict[str, object] = {"type": "array"}
        if "items" in schema:
            result["items"] = self.converted(schema["items"], f"{place}.items", depth + 1)
        if schema.get("minItems") in (0, 1):
            result["minItems"] = schema["minItems"]
        return result

    def _as_description(self, schema: Schema, place: str) -> list[str]:
        """Returns the narrowing keywords as text for the description, and reports them as without effect."""
        narrowing = {keyword: value for keyword, value in schema.items() if keyword in _NARROWING}
        if schema.get("minItems") not in (None, 0, 1):
            narrowing["minItems"] = schema["minItems"]
        if "format" in schema and not (schema.get("type") == "string" and _is_known_format(schema)):
            narrowing["format"] = schema["format"]
        self.ignored += [f"{place}.{keyword}" for keyword in narrowing]
        return [
            ", ".join(f"{keyword}: {json.dumps(value, ensure_ascii=False)}" for keyword, value in narrowing.items())
        ][: bool(narrowing)]

    def _refuse_recursion(self) -> None:
        """Raises for recursive definitions: Claude's API expands references."""
        for keyword in ("$defs", "definitions"):
            group = self._root.get(keyword)
            for name in group if isinstance(group, Mapping) else ():
                start = f"#/{keyword}/{name}"
                if start in _reachable(self._root, start):
                    raise _refused(
                        f"{self._place}.{keyword}.{name}.$ref",
                        "is recursive, which Claude's structured outputs do not support",
                    )


def _reachable(root: Schema, start: str) -> set[str]:
    """Returns all references reachable from the definition that `start` points to."""
    reached: set[str] = set()
    pending = [start]
    while pending:
        for target in _references(_resolve(root, pending.pop())):
            if target not in reached:
                reached.add(target)
                pending.append(target)
    return reached


def _references(schema: object) -> Iterable[str]:
    pending = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _resolve(root: Schema, target: str) -> object:
    """Resolves a JSON pointer; None if it points to nothing."""
    value: object = root
    for step in target.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _for_type(schema: Schema, kind: object) -> dict[str, object]:
    """Returns the schema for one of its types, without keywords of other types and without annotations."""
    own = _OF_TYPE.get("number" if kind == "integer" else str(kind), frozenset())
    drop = (_OF_SOME_TYPE - own) | {"type", "title", "description", "$defs", "definitions", *_ANNOTATIONS}
    return {"type": kind, **{keyword: value for keyword, value in schema.items() if keyword not in drop}}


def _is_known_format(schema: Schema) -> bool:
    return isinstance(schema.get("format"), str) and schema["format"] in _FORMATS


def _description(schema: Schema) -> list[str]:
    description = schema.get("description")
    return [description] if isinstance(description, str) and description else []


def _object(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _refused(place, "must be an object")
    return value


def _refused(place: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{place} {why}.", param=place)
