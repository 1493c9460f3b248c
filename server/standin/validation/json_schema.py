"""Validates JSON schemas against the meta-schema of draft 2020-12, as the API does, without formats and patterns."""

import re
from collections.abc import Callable, Mapping

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")
_ID = re.compile(r"[^#]*#?")


def is_schema(schema: object) -> bool:
    """Whether `schema` and all schemas in it are valid."""
    pending = [schema]
    while pending:
        one = pending.pop()
        if isinstance(one, bool):
            continue
        if not isinstance(one, dict) or not all(_VALUES[word](one[word]) for word in one.keys() & _VALUES.keys()):
            return False
        pending += [one[word] for word in one.keys() & _SCHEMAS]
        for word in one.keys() & (_LISTS | _MAPS):
            inner = one[word]
            pending += inner.values() if isinstance(inner, dict) else inner
        # Until draft 2019-09 a dependency could be a schema.
        pending += [inner for inner in _mapping(one.get("dependencies")).values() if not isinstance(inner, list)]
    return True


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_anchor(value: object) -> bool:
    return isinstance(value, str) and _ANCHOR.fullmatch(value) is not None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_list_of_schemas(value: object) -> bool:
    return isinstance(value, list) and bool(value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


def _are_types(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and _are_names(value) and _TYPES.issuperset(value)
    return isinstance(value, str) and value in _TYPES


def _are_lists_of_names(value: object) -> bool:
    return isinstance(value, dict) and all(_are_names(names) for names in value.values())


def _are_dependencies(value: object) -> bool:
    return isinstance(value, dict) and all(_are_names(one) or not isinstance(one, list) for one in value.values())


_SCHEMAS = frozenset(
    {
        *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"),
        *("unevaluatedItems", "unevaluatedProperties"),
    }
)
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_VALUES: Mapping[str, Callable[[object], bool]] = {
    **dict.fromkeys(("$comment", "$dynamicRef", "$recursiveRef", "$ref", "$schema"), _is_text),
    **dict.fromkeys(("contentEncoding", "contentMediaType", "description", "format", "pattern", "title"), _is_text),
    **dict.fromkeys(("$anchor", "$dynamicAnchor", "$recursiveAnchor"), _is_anchor),
    **dict.fromkeys(("deprecated", "readOnly", "uniqueItems", "writeOnly"), _is_flag),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _is_number),
    **dict.fromkeys(("maxContains", "maxItems", "maxLength", "maxProperties"), _is_count),
    **dict.fromkeys(("minContains", "minItems", "minLength", "minProperties"), _is_count),
    **dict.fromkeys(("enum", "examples"), _is_list),
    **dict.fromkeys(_LISTS, _is_list_of_schemas),
    **dict.fromkeys(_MAPS, _is_object),
    "$id": _is_id,
    "$vocabulary": lambda value: isinstance(value, dict) and all(_is_flag(one) for one in value.values()),
    "dependencies": _are_dependencies,
    "dependentRequired": _are_lists_of_names,
    "multipleOf": _is_positive,
    "required": _are_names,
    "type": _are_types,
}
