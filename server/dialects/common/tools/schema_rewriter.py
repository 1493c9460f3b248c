"""Rewrites any JSON schema as one of draft 2020-12, without excluding a value that the original accepts.

Clients send schemas of drafts 3 to 7, of OpenAPI and of languages' serializers: null for an absent keyword, `required:
true`, `nullable`, type names of another language. Claude's API refuses the whole request for one of them. A schema that
is valid already comes back equal. The work is linear in the schema's size.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Schema = dict[str, object]

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
# Type names of other languages and systems, in lower case.
_SYNONYMS = {
    **dict.fromkeys(
        ("str", "text", "char", "varchar", "uuid", "date", "datetime", "date-time", "file", "url"), "string"
    ),
    **dict.fromkeys(("int", "int32", "int64", "long", "short", "bigint"), "integer"),
    **dict.fromkeys(("float", "double", "decimal", "real"), "number"),
    "bool": "boolean",
    **dict.fromkeys(("dict", "map", "record", "struct"), "object"),
    **dict.fromkeys(("list", "tuple", "set"), "array"),
    **dict.fromkeys(("none", "nil", "undefined"), "null"),
}
_ANY_TYPE = frozenset({"any", "mixed", "unknown", "*"})
DEEPEST = 100
_LONGEST_NUMBER = 40
_LARGEST_NUMBER = 1e300
_LONGEST_PLACE = 200
_MOST_PLACES = 50
_ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")
# Patterns of `patternProperties` that match every name.
_EVERY_NAME = frozenset({"", "^", "$", ".*", "^.*", "^.*$", "^(.*)$", "[\\s\\S]*", "^[\\s\\S]*$"})

_TEXTS = ("description", "title", "format", "pattern", "contentEncoding", "contentMediaType", "$comment")
_IDENTIFIERS = (
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$recursiveAnchor",
    "$schema",
)
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = (
    *("minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains"),
    *("minProperties", "maxProperties"),
)
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_GROUPS = ("$defs", "definitions", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "allOf", "prefixItems")
_INNER = ("additionalProperties", "items", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties")
_NULL_IS_A_VALUE = frozenset({"default", "const", "example"})
# A looser schema inside one of these makes the whole stricter.
_REVERSED = ("not", "if", "then", "else", "contentSchema")


@dataclass(slots=True)
class Rewriter:
    """Rewrites schemas, and collects what could not be kept.

    `changed` holds the first places of keywords that were left out, `changes` their number, `references` all rewritten
    schemas with a `$ref`, and `schemas` the number of all.
    """

    changed: list[str] = field(default_factory=list)
    changes: int = 0
    schemas: int = 0
    references: list[Schema] = field(default_factory=list)
    _is_reversed: bool = False

    def schema(self, value: object, place: str, depth: int = 0) -> Schema | bool:
        """The schema at `place` in draft 2020-12. What is not a schema at all accepts everything."""
        self.schemas += 1
        if isinstance(value, bool):
            return value
        if not isinstance(value, Mapping) or depth > DEEPEST:
            if value is not None and value != []:
                self.drop(place)
            return {}
        result: Schema = {}
        is_nullable = value.get("nullable") is True
        for word, inner in value.items():
            if (inner is None and word not in _NULL_IS_A_VALUE) or (word == "nullable" and is_nullable):
                # A serializer writes null for an absent keyword.
                continue
            convert = _CONVERT.get(word)
            if convert is None:
                result[word] = inner
            else:
                convert(self, result, value, word, joined(place, word), depth)
        _exclusive_limits(result, value)
        _map_values(result)
        if "$ref" in result:
            self.references.append(result)
        return _nullable(result) if is_nullable else result

    def drop(self, place: str) -> None:
        """Reports a keyword that is left out."""
        self.changes += 1
        if len(self.changed) < _MOST_PLACES:
            self.changed.append(place)

    def _schemas(self, group: Mapping[str, object], place: str, depth: int) -> Schema:
        return {name: self.schema(inner, joined(place, name), depth + 1) for name, inner in group.items()}

    def _members(self, group: list[object], place: str, depth: int) -> list[object]:
        return [self.schema(inner, f"{place}[{number}]", depth + 1) for number, inner in enumerate(group)]

    def _keep_if(self, result: Schema, word: str, value: object, place: str, *, valid: bool) -> None:
        if valid:
            result[word] = value
        else:
            self.drop(place)

    def _type(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        given = source[word]
        kinds = _listed_types(given)
        if any(kind in _ANY_TYPE for kind in kinds if isinstance(kind, str)):
            return
        names = dict.fromkeys(type_name(kind) for kind in kinds)
        if not names or None in names:
            self.drop(place)
        else:
            result[word] = list(names) if isinstance(given, list) or len(names) > 1 else next(iter(names))

    def _text(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        self._keep_if(result, word, source[word], place, valid=isinstance(source[word], str))

    def _identifier(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        value = source[word]
        valid = isinstance(value, str)
        if isinstance(value, str) and word == "$id":
            valid = "#" not in value.removesuffix("#")
        elif isinstance(value, str) and word.endswith("nchor"):
            valid = _ANCHOR.fullmatch(value) is not None
        self._keep_if(result, word, value, place, valid=valid)

    def _number(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        value = source[word]
        if isinstance(value, bool):
            # Draft 4: a flag beside `minimum` or `maximum`; see `_exclusive_limits`.
            if word not in {"exclusiveMinimum", "exclusiveMaximum"}:
                self.drop(place)
            return
        number = _as_number(value)
        self._keep_if(result, word, number, place, valid=number is not None and (word != "multipleOf" or number > 0))

    def _count(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        number = _as_number(source[word])
        if number is None or number < 0 or number != int(number):
            self.drop(place)
        else:
            result[word] = int(number)

    def _flag(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        given = source[word]
        value = {"true": True, "false": False}.get(given.lower()) if isinstance(given, str) else given
        self._keep_if(result, word, value, place, valid=isinstance(value, bool))

    def _required(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        names = source[word]
        if isinstance(names, list):
            result[word] = list(dict.fromkeys([*_names(result.get(word)), *(n for n in names if isinstance(n, str))]))
            if not all(isinstance(name, str) for name in names):
                self.drop(place)
        elif not isinstance(names, bool):
            self.drop(place)

    def _properties(self, result: Schema, source: Mapping[str, object], word: str, place: str, depth: int) -> None:
        group = source[word]
        if not isinstance(group, Mapping):
            # PHP writes an empty object as an empty list.
            if group != []:
                self.drop(place)
            result[word] = {}
            return
        result[word] = self._schemas(group, place, depth)
        # Draft 3 marks the property itself.
        marked = [name for name, inner in group.items() if isinstance(inner, Mapping) and inner.get("required") is True]
        if marked:
            own = source.get("required")
            result["required"] = list(dict.fromkeys([*_names(own), *marked]))

    def _group(self, result: Schema, source: Mapping[str, object], word: str, place: str, depth: int) -> None:
        group = source[word]
        if isinstance(group, Mapping):
            result[word] = self._schemas(group, place, depth)
        elif group != []:
            self.drop(place)

    def _list(self, result: Schema, source: Mapping[str, object], word: str, place: str, depth: int) -> None:
        group = source[word]
        members = group if isinstance(group, list) else [group] if isinstance(group, Mapping) else []
        if members:
            result[word] = self._members(members, place, depth)
        else:
            self.drop(place)

    def _one_of(self, result: Schema, source: Mapping[str, object], word: str, place: str, depth: int) -> None:
        before = self.changes
        self._list(result, source, word, place, depth)
        if self.changes > before and word in result:
            # A looser member may overlap another one, which "exactly one" would then refuse.
            result.setdefault("anyOf", result.pop(word))

    def _inner(self, result: Schema, source: Mapping[str, object], word: str, place: str, depth: int) -> None:
        value = source[word]
        if word == "items" and isinstance(value, list):
            # Until draft 2019-09 a list describes a tuple.
            if value:
                result["prefixItems"] = self._members(value, place, depth)
            if isinstance(rest := source.get("additionalItems"), Mapping | bool):
                result["items"] = self.schema(rest, joined(place, "additionalItems"), depth + 1)
        elif isinstance(value, Mapping | bool):
            result[word] = self.schema(value, place, depth + 1)
        else:
            self.drop(place)

    def _reversed(self, result: Schema, source: Mapping[str, object], word: str, place: str, depth: int) -> None:
        value = source[word]
        if self._is_reversed:
            # Only the outermost schema is compared: comparing each level would be quadratic.
            result[word] = self.schema(value, place, depth + 1)
            return
        inner = Rewriter(references=self.references, _is_reversed=True)
        rewritten = inner.schema(value, place, depth + 1)
        self.schemas += inner.schemas
        if inner.changes == 0 and rewritten == value:
            result[word] = rewritten
        else:
            self.drop(place)

    def _enum(self, result: Schema, source: Mapping[str, object], word: str, place: str, _: int) -> None:
        values = source[word]
        self._keep_if(result, word, values, place, valid=isinstance(values, list) and bool(values))

    def _examples(self, result: Schema, source: Mapping[str, object], word: str, _: str, __: int) -> None:
        value = source[word]
        result[word] = value if isinstance(value, list) else [value]

    def _dependencies(self, result: Schema, source: Mapping[str, object], word: str, place: str, depth: int) -> None:
        group = source[word]
        if not isinstance(group, Mapping):
            self.drop(place)
            return
        kept: Schema = {}
        for name, inner in group.items():
            if isinstance(inner, list) and all(isinstance(other, str) for other in inner):
                kept[name] = list(dict.fromkeys(inner))
            elif word == "dependencies" and isinstance(inner, Mapping | bool):
                kept[name] = self.schema(inner, joined(place, name), depth + 1)
            else:
                self.drop(joined(place, name))
        result[word] = kept

    def _vocabulary(self, _: Schema, __: Mapping[str, object], ___: str, place: str, ____: int) -> None:
        self.drop(place)


_Convert = Callable[[Rewriter, Schema, Mapping[str, object], str, str, int], None]
_CONVERT: dict[str, _Convert] = {
    "type": Rewriter._type,  # noqa: SLF001 # the class's own table
    "required": Rewriter._required,  # noqa: SLF001
    "properties": Rewriter._properties,  # noqa: SLF001
    "oneOf": Rewriter._one_of,  # noqa: SLF001
    "enum": Rewriter._enum,  # noqa: SLF001
    "examples": Rewriter._examples,  # noqa: SLF001
    "$vocabulary": Rewriter._vocabulary,  # noqa: SLF001
    **dict.fromkeys(_TEXTS, Rewriter._text),  # noqa: SLF001
    **dict.fromkeys(_IDENTIFIERS, Rewriter._identifier),  # noqa: SLF001
    **dict.fromkeys(_NUMBERS, Rewriter._number),  # noqa: SLF001
    **dict.fromkeys(_COUNTS, Rewriter._count),  # noqa: SLF001
    **dict.fromkeys(_FLAGS, Rewriter._flag),  # noqa: SLF001
    **dict.fromkeys(_GROUPS, Rewriter._group),  # noqa: SLF001
    **dict.fromkeys(_LISTS, Rewriter._list),  # noqa: SLF001
    **dict.fromkeys(_INNER, Rewriter._inner),  # noqa: SLF001
    **dict.fromkeys(_REVERSED, Rewriter._reversed),  # noqa: SLF001
    **dict.fromkeys(("dependentRequired", "dependencies"), Rewriter._dependencies),  # noqa: SLF001
}


def _listed_types(given: object) -> list[object]:
    """The entries of a list of types, in which some serializers write the type null as null; or of "string|null"."""
    if isinstance(given, list):
        return ["null" if kind is None else kind for kind in given]
    return list(given.split("|")) if isinstance(given, str) else [given]


def type_name(given: object) -> str | None:
    """The JSON type that `given` names, also in another language's spelling; None if it names none."""
    if not isinstance(given, str):
        return None
    name = given.strip().lower()
    return name if name in TYPES else _SYNONYMS.get(name)


def _exclusive_limits(result: Schema, source: Mapping[str, object]) -> None:
    """Draft 4's `exclusiveMinimum: true` makes `minimum` exclusive; since draft 6 the keyword is a number itself."""
    for flag, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if source.get(flag) is True and limit in result:
            result[flag] = result.pop(limit)


def _map_values(result: Schema) -> None:
    """A pattern that matches every name, as in generated types of maps, is the same as `additionalProperties`."""
    group = result.get("patternProperties")
    if isinstance(group, dict) and len(group) == 1 and "additionalProperties" not in result:
        ((pattern, inner),) = group.items()
        if pattern in _EVERY_NAME and not result.get("properties"):
            del result["patternProperties"]
            result["additionalProperties"] = inner


def _nullable(schema: Schema) -> Schema:
    """OpenAPI's `nullable: true`, expressed in JSON schema."""
    kind, values = schema.get("type"), schema.get("enum")
    if isinstance(values, list) and None not in values:
        schema["enum"] = [*values, None]
    if isinstance(kind, str | list):
        kinds = [kind] if isinstance(kind, str) else kind
        schema["type"] = kinds if "null" in kinds else [*kinds, "null"]
    elif any(word in schema for word in ("$ref", "allOf", "oneOf", "const", "not")):
        remarks: Schema = {word: schema.pop(word) for word in ("title", "description", "default") if word in schema}
        schema = {"anyOf": [schema, {"type": "null"}], **remarks}
    elif isinstance(variants := schema.get("anyOf"), list):
        schema["anyOf"] = [*variants, {"type": "null"}]
    return schema


def _as_number(value: object) -> int | float | None:
    if isinstance(value, str) and len(value) < _LONGEST_NUMBER:
        try:
            value = float(value) if any(mark in value for mark in ".eE") else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST_NUMBER:
        return None
    return None if math.isnan(value) else value


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def joined(place: str, name: str) -> str:
    """The place of `name` at `place`; cut, so that deep places of long names stay short."""
    return f"{place}.{name[:_LONGEST_PLACE]}" if len(place) < _LONGEST_PLACE else place
