"""Converts the JSON schema of an answer into one that Claude's structured outputs take, if there is one.

Unsupported keywords that only narrow a value (`minimum`, `maxLength`, `pattern`) move into the description, where
Claude reads them, and are reported as without effect, as are unknown keywords. The rules are those of Anthropic's
documentation of structured outputs and of `transform_schema` in the `anthropic` package. Nothing is fetched, no pattern
is run, and the work is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.large_json import dumps

_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
# These do not constrain a value.
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "examples", "example", "default", "deprecated", "readOnly", "writeOnly"}
)
_KEPT = frozenset({"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions"})
# These decide which values are valid, and structured outputs have nothing like them.
_STRUCTURAL = frozenset(
    {
        *("not", "if", "then", "else", "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas"),
        *("dependencies", "prefixItems", "additionalItems", "contains", "minContains", "maxContains"),
        *("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "extends", "disallow"),
    }
)
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
# With all references in their places.
_MAX_DEPTH = 100
_MAX_NODES = 5000
_MAX_IGNORED = 50
_MAX_NAME = 64
# Anthropic's limits of the complexity of all schemas of a request.
_MAX_OPTIONAL = 24
_MAX_UNIONS = 16

Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """A schema that Claude's API takes, as JSON text, and the places of keywords without effect."""

    text: str
    ignored: tuple[str, ...] = ()


def output_schema(schema: Schema, place: str) -> OutputSchema | None:
    """Converts the schema at `place`; None if structured outputs cannot express it.

    Those are recursion, maps, values of any type, tuples, references elsewhere, and schemas that are too large.
    """
    converter = _Converter(schema, place)
    try:
        converted = converter.whole()
    except _Inexpressible:
        return None
    return OutputSchema(dumps(converted, ensure_ascii=False), tuple(dict.fromkeys(converter.ignored)))


class _Inexpressible(Exception):
    """Structured outputs have no schema for it."""


@dataclass(slots=True)
class _Size:
    """The size of the root or of a definition, and the definitions that it refers to, with their depth in it."""

    nodes: int = 0
    depth: int = 0
    references: list[tuple[str, int]] = field(default_factory=list)


class _Converter:
    """Converts one schema, and collects the places of keywords without effect."""

    def __init__(self, root: Schema, place: str) -> None:
        self._root = root
        self._place = place
        self._nodes = 0
        self._optional = 0
        self._unions = 0
        self._sizes = {"": _Size()}
        self._size = self._sizes[""]
        self.ignored: list[str] = []

    def whole(self) -> dict[str, object]:
        """Returns the root with its definitions. Raises `_Inexpressible`."""
        definitions: dict[str, object] = {}
        for keyword in ("$defs", "definitions"):
            group = self._root.get(keyword)
            if group is None:
                continue
            if not isinstance(group, Mapping):
                raise _Inexpressible
            definitions[keyword] = {
                name: self._definition(f"#/{keyword}/{name}", inner, f"{self._place}.{keyword}.{name[:_MAX_NAME]}")
                for name, inner in group.items()
            }
        self._size = self._sizes[""]
        converted = self._converted(self._root, self._place, 0)
        _require_bounded(self._sizes)
        if self._optional > _MAX_OPTIONAL or self._unions > _MAX_UNIONS:
            raise _Inexpressible
        return definitions | converted

    def _definition(self, target: str, schema: object, place: str) -> dict[str, object]:
        self._size = self._sizes[target] = _Size()
        return self._converted(schema, place, 0)

    def _converted(self, schema: object, place: str, depth: int) -> dict[str, object]:
        """Returns the schema at `place` with supported keywords only."""
        self._nodes += 1
        self._size.nodes += 1
        self._size.depth = max(self._size.depth, depth)
        if depth > _MAX_DEPTH or self._nodes > _MAX_NODES or not isinstance(schema, Mapping):
            raise _Inexpressible
        schema = {keyword: value for keyword, value in schema.items() if value is not None or keyword == "const"}
        self._check_keywords(schema, place)
        converted = self._plain(schema, place, depth)
        if schema.get("nullable") is True:
            converted = self._nullable(converted)
        return converted

    def _plain(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        if "$ref" in schema:
            return self._reference(schema, depth)
        described = _description(schema)
        result: dict[str, object] = {}
        if variants := self._variants(schema, place, depth):
            result |= variants
        elif "const" in schema or "enum" in schema:
            result |= self._literals(schema)
        else:
            result |= self._typed(schema, place, depth, described)
        result |= {"title": schema["title"]} if isinstance(schema.get("title"), str) else {}
        return result | ({"description": "\n\n".join(described)} if described else {})

    def _check_keywords(self, schema: Schema, place: str) -> None:
        known = _KEPT | _ANNOTATIONS | _NARROWING | _OF_SOME_TYPE | {"title", "description", "format", "nullable"}
        for keyword, value in schema.items():
            if keyword in _STRUCTURAL and not (keyword.startswith("unevaluated") and value is False):
                raise _Inexpressible
            if keyword == "required" and not isinstance(value, list):
                # Draft 3 marks the property itself.
                raise _Inexpressible
            if keyword not in known:
                self._ignore(f"{place}.{keyword[:_MAX_NAME]}")

    def _ignore(self, place: str) -> None:
        if len(self.ignored) < _MAX_IGNORED:
            self.ignored.append(place)

    def _nullable(self, converted: dict[str, object]) -> dict[str, object]:
        """Returns the schema with null allowed, as OpenAPI's `nullable` says."""
        null = {"type": "null"}
        variants = converted.get("anyOf")
        if isinstance(variants, list):
            return converted if null in variants else {**converted, "anyOf": [*variants, null]}
        literals = converted.get("enum")
        if converted.get("type") == "null" or (isinstance(literals, list) and None in literals):
            return converted
        self._unions += 1
        outside: dict[str, object] = {
            name: converted.pop(name) for name in ("title", "description") if name in converted
        }
        return {"anyOf": [converted, null], **outside}

    def _reference(self, schema: Schema, depth: int) -> dict[str, object]:
        target = schema["$ref"]
        if not isinstance(target, str) or _definition_of(self._root, target) is None:
            raise _Inexpressible
        if schema.keys() & (_OF_SOME_TYPE | {"anyOf", "oneOf", "allOf", "enum", "const"}):
            raise _Inexpressible
        self._size.references.append((_unescaped(target), depth))
        described = _description(schema)
        # A reference must stand alone, so its description goes around it.
        return {"anyOf": [{"$ref": target}], "description": described[0]} if described else {"$ref": target}

    def _variants(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword not in schema:
                continue
            group = schema[keyword]
            if not isinstance(group, list) or not group or (keyword == "allOf" and len(group) > 1):
                raise _Inexpressible
            if schema.keys() & (_OF_SOME_TYPE | ({"anyOf", "oneOf", "allOf", "enum", "const"} - {keyword})):
                raise _Inexpressible
            if keyword == "oneOf":
                # "Any of" instead of "exactly one of"; usually the variants exclude each other.
                self._ignore(f"{place}.oneOf")
            self._unions += len(group) > 1
            return {
                "anyOf": [self._converted(one, f"{place}.{keyword}[{n}]", depth + 1) for n, one in enumerate(group)]
            }
        kinds = schema.get("type")
        if not isinstance(kinds, list) or "enum" in schema or "const" in schema:
            return {}
        if not all(isinstance(kind, str) for kind in kinds):
            raise _Inexpressible
        different = list(dict.fromkeys(kinds))
        self._unions += len(different) > 1
        return {"anyOf": [self._converted(_for_type(schema, kind), place, depth + 1) for kind in different]}

    def _literals(self, schema: Schema) -> dict[str, object]:
        keyword = "const" if "const" in schema else "enum"
        values = [schema["const"]] if keyword == "const" else schema["enum"]
        if not isinstance(values, list) or not values:
            raise _Inexpressible
        if not all(value is None or isinstance(value, str | int | float | bool) for value in values):
            raise _Inexpressible
        return {keyword: schema[keyword]}

    def _typed(self, schema: Schema, place: str, depth: int, described: list[str]) -> dict[str, object]:
        kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
        if not isinstance(kind, str) or kind not in _TYPES:
            raise _Inexpressible
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
        properties = schema.get("properties", {})
        if not isinstance(properties, Mapping):
            raise _Inexpressible
        others = schema.get("additionalProperties", False if properties else None)
        if others not in (False, True, None) or (not properties and others is not False):
            raise _Inexpressible
        if schema.get("additionalProperties"):
            self._ignore(f"{place}.additionalProperties")
        fields = {
            name: self._converted(inner, f"{place}.properties.{name[:_MAX_NAME]}", depth + 1)
            for name, inner in properties.items()
        }
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) and name in properties for name in required):
            raise _Inexpressible
        self._optional += len(properties.keys() - set(required))
        return {
            "type": "object",
            "properties": fields,
            **({"required": required} if "required" in schema else {}),
            "additionalProperties": False,
        }

    def _items(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        result: dict[str, object] = {"type": "array"}
        if "items" in schema:
            result["items"] = self._converted(schema["items"], f"{place}.items", depth + 1)
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
        for keyword in narrowing:
            self._ignore(f"{place}.{keyword}")
        return [", ".join(f"{keyword}: {dumps(value, ensure_ascii=False)}" for keyword, value in narrowing.items())][
            : bool(narrowing)
        ]


def _require_bounded(sizes: Mapping[str, _Size]) -> None:
    """Raises for recursive definitions and for those that become too large: Claude's API expands references.

    Visits a definition once the ones that it refers to are counted (Kahn's algorithm), so each reference counts once.
    """
    waiting = {name: len(size.references) for name, size in sizes.items()}
    users: dict[str, list[tuple[str, int]]] = {}
    for name, size in sizes.items():
        for target, depth in size.references:
            users.setdefault(target, []).append((name, depth))
    ready = [name for name, count in waiting.items() if not count]
    done = 0
    while ready:
        name = ready.pop()
        done += 1
        size = sizes[name]
        if size.nodes > _MAX_NODES or size.depth > _MAX_DEPTH:
            raise _Inexpressible
        for user, depth in users.get(name, ()):
            sizes[user].nodes += size.nodes
            sizes[user].depth = max(sizes[user].depth, depth + size.depth)
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    if done < len(sizes):
        raise _Inexpressible


def _unescaped(target: str) -> str:
    return target.replace("~1", "/").replace("~0", "~")


def _definition_of(root: Schema, target: str) -> object:
    """Returns the definition that a reference like `#/$defs/Name` points to; None for other references."""
    for keyword in ("$defs", "definitions"):
        prefix, group = f"#/{keyword}/", root.get(keyword)
        if target.startswith(prefix) and "/" not in target[len(prefix) :] and isinstance(group, Mapping):
            return group.get(_unescaped(target[len(prefix) :]))
    return None


def _for_type(schema: Schema, kind: object) -> dict[str, object]:
    """Returns the schema for one of its types, without keywords of other types and without annotations."""
    own = _OF_TYPE.get("number" if kind == "integer" else str(kind), frozenset())
    drop = (_OF_SOME_TYPE - own) | {"type", "title", "description", "nullable", "$defs", "definitions", *_ANNOTATIONS}
    return {"type": kind, **{keyword: value for keyword, value in schema.items() if keyword not in drop}}


def _is_known_format(schema: Schema) -> bool:
    return isinstance(schema.get("format"), str) and schema["format"] in _FORMATS


def _description(schema: Schema) -> list[str]:
    description = schema.get("description")
    return [description] if isinstance(description, str) and description else []
