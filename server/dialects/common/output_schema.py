"""The schema of an answer, as Claude's structured outputs take it.

What they do not take and what only narrows a value (`minimum`, `maxLength`, a pattern) moves into the description,
where Claude reads it, and is named as without effect. What cannot be said at all (recursion, free-form objects,
references to elsewhere) is refused by its place. The law is the provider's page on structured outputs and what the
`anthropic` package makes of a schema before it sends it. Nothing is fetched and no pattern is run.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.errors import InvalidRequest

_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
# They say nothing about a value.
_REMARKS = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "examples", "example", "default", "deprecated", "readOnly", "writeOnly"}
)
_KEPT = frozenset({"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions"})
# Each narrows a value of its type, and is of no other use.
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
_DEEPEST = 100

Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """A schema that Claude's API takes, as JSON text, and the places of what has no effect in it."""

    text: str
    ignored: tuple[str, ...] = ()


def answer_schema(schema: Schema, place: str) -> AnswerSchema:
    """The schema that stands at `place`, as Claude's API takes it. Raises `InvalidRequest` that names the keyword."""
    reading = _Reading(schema, place)
    taken = reading.taken(schema, place, 0)
    return AnswerSchema(json.dumps(taken, ensure_ascii=False), tuple(reading.ignored))


class _Reading:
    """One schema while it is read."""

    def __init__(self, root: Schema, place: str) -> None:
        self._root = root
        self._place = place
        self.ignored: list[str] = []
        self._refuse_recursion()

    def taken(self, schema: object, place: str, depth: int) -> dict[str, object]:
        """The schema at `place` in the words that are taken."""
        if depth > _DEEPEST:
            raise InvalidRequest(f"{place} is nested too deeply.", param=place)
        if not isinstance(schema, Mapping):
            raise _refused(place, "must be a schema, as in {'type': 'string'}")
        self._refuse_unknown(schema, place)
        found = self._definitions(schema, place, depth)
        if "$ref" in schema:
            return found | self._reference(schema, place)
        described = _remark(schema)
        if variants := self._variants(schema, place, depth):
            found |= variants
        elif "const" in schema or "enum" in schema:
            found |= self._literals(schema, place)
        else:
            found |= self._typed(schema, place, depth, described)
        found |= {"title": schema["title"]} if isinstance(schema.get("title"), str) else {}
        return found | ({"description": "\n\n".join(described)} if described else {})

    def _refuse_unknown(self, schema: Schema, place: str) -> None:
        known = _KEPT | _REMARKS | _NARROWING | _OF_SOME_TYPE | {"title", "description", "format", "nullable"}
        for word in schema:
            if word not in known:
                raise _refused(f"{place}.{word}", "is not among what Claude's structured outputs take")

    def _definitions(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for word in ("$defs", "definitions"):
            if word in schema:
                group = _object(schema[word], f"{place}.{word}")
                found[word] = {
                    name: self.taken(inner, f"{place}.{word}.{name}", depth + 1) for name, inner in group.items()
                }
        return found

    def _reference(self, schema: Schema, place: str) -> dict[str, object]:
        target = schema["$ref"]
        if not isinstance(target, str) or not target.startswith(("#/$defs/", "#/definitions/")):
            raise _refused(f"{place}.$ref", "must point into the schema's own $defs; nothing is fetched")
        if _pointed(self._root, target) is None:
            raise _refused(f"{place}.$ref", "points to nothing in this schema")
        described = _remark(schema)
        # A reference takes no company: what describes it stands around it.
        return {"anyOf": [{"$ref": target}], "description": "\n\n".join(described)} if described else {"$ref": target}

    def _variants(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        for word in ("anyOf", "oneOf", "allOf"):
            if word not in schema:
                continue
            group = schema[word]
            if not isinstance(group, list) or not group:
                raise _refused(f"{place}.{word}", "must be a list of schemas")
            if word == "allOf" and len(group) > 1:
                raise _refused(
                    f"{place}.allOf", "of several schemas is not among what Claude's structured outputs take"
                )
            if word == "oneOf":
                # Any of them, for exactly one of them: what the variants are says which.
                self.ignored.append(f"{place}.oneOf")
            for other in _OF_SOME_TYPE & schema.keys():
                raise _refused(f"{place}.{other}", f"cannot stand beside {word}")
            return {"anyOf": [self.taken(one, f"{place}.{word}[{n}]", depth + 1) for n, one in enumerate(group)]}
        kinds = schema.get("type")
        if isinstance(kinds, list) and "enum" not in schema and "const" not in schema:
            return {"anyOf": [self.taken(_of_type(schema, kind), place, depth + 1) for kind in kinds]}
        return {}

    def _literals(self, schema: Schema, place: str) -> dict[str, object]:
        word = "const" if "const" in schema else "enum"
        values = [schema["const"]] if word == "const" else schema["enum"]
        if not isinstance(values, list) or not values:
            raise _refused(f"{place}.{word}", "must be a list of values")
        if not all(value is None or isinstance(value, str | int | float | bool) for value in values):
            raise _refused(f"{place}.{word}", "can only hold texts, numbers, true, false and null")
        return {word: schema[word]}

    def _typed(self, schema: Schema, place: str, depth: int, described: list[str]) -> dict[str, object]:
        kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
        if kind is None:
            raise _refused(f"{place}.type", "is required: Claude's structured outputs know no value of any type")
        if kind not in _TYPES:
            raise _refused(f"{place}.type", f"must be one of {', '.join(_TYPES)}")
        described += self._moved(schema, place)
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
                f"{place}.additionalProperties",
                "must be false: Claude's structured outputs know no names but listed ones",
            )
        if schema.get("additionalProperties"):
            self.ignored.append(f"{place}.additionalProperties")
        fields = {
            name: self.taken(inner, f"{place}.properties.{name}", depth + 1) for name, inner in properties.items()
        }
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) and name in properties for name in required):
            raise _refused(f"{place}.required", "must be a list of names among the properties")
        return {
            "type": "object",
            "properties": fields,
            **({"required": required} if "required" in schema else {}),
            "additionalProperties": False,
        }

    def _items(self, schema: Schema, place: str, depth: int) -> dict[str, object]:
        found: dict[str, object] = {"type": "array"}
        if "items" in schema:
            found["items"] = self.taken(schema["items"], f"{place}.items", depth + 1)
        if schema.get("minItems") in (0, 1):
            found["minItems"] = schema["minItems"]
        return found

    def _moved(self, schema: Schema, place: str) -> list[str]:
        """What only narrows a value, in words; each is named as without effect."""
        moved = {word: value for word, value in schema.items() if word in _NARROWING}
        if schema.get("minItems") not in (None, 0, 1):
            moved["minItems"] = schema["minItems"]
        if "format" in schema and not (schema.get("type") == "string" and _is_known_format(schema)):
            moved["format"] = schema["format"]
        self.ignored += [f"{place}.{word}" for word in moved]
        return [", ".join(f"{word}: {json.dumps(value, ensure_ascii=False)}" for word, value in moved.items())][
            : bool(moved)
        ]

    def _refuse_recursion(self) -> None:
        """Raises for definitions that lead back to themselves: Claude's API unfolds them."""
        for word in ("$defs", "definitions"):
            group = self._root.get(word)
            for name in group if isinstance(group, Mapping) else ():
                start = f"#/{word}/{name}"
                if start in _reached(self._root, start):
                    raise _refused(
                        f"{self._place}.{word}.{name}.$ref", "leads back to itself, and Claude's API takes no recursion"
                    )


def _reached(root: Schema, start: str) -> set[str]:
    """All references that can be reached from the definition that `start` points to."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for target in _references(_pointed(root, waiting.pop())):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def _references(schema: object) -> Iterable[str]:
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _pointed(root: Schema, target: str) -> object:
    """What the pointer names; None where there is nothing."""
    found: object = root
    for step in target.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _of_type(schema: Schema, kind: object) -> dict[str, object]:
    """The schema for one of its types: without the words of the others, and without its description."""
    own = _OF_TYPE.get("number" if kind == "integer" else str(kind), frozenset())
    drop = (_OF_SOME_TYPE - own) | {"type", "title", "description", "$defs", "definitions", *_REMARKS}
    return {"type": kind, **{word: value for word, value in schema.items() if word not in drop}}


def _is_known_format(schema: Schema) -> bool:
    return isinstance(schema.get("format"), str) and schema["format"] in _FORMATS


def _remark(schema: Schema) -> list[str]:
    description = schema.get("description")
    return [description] if isinstance(description, str) and description else []


def _object(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _refused(place, "must be an object")
    return value


def _refused(place: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{place} {why}.", param=place)
