"""Generators of JSON schemas as clients write them, and of values that a schema accepts."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(
    ["a", "b", "kind", "filter[id]", "@type", "$select", "größe", "with space", "", "x" * 70, "a.b", "fields[apps]"]
)
_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "x", "cat", "dog"]))


def _described(schema: dict[str, Any], draw: st.DrawFn) -> dict[str, Any]:
    extra = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "description": st.sampled_from([None, "d", 3]),
                "title": st.sampled_from([None, "T"]),
                "default": _VALUES,
                "enum": st.none(),
                "format": st.sampled_from(["date", None, 1]),
                "x-order": st.integers(0, 3),
                "$comment": st.just("c"),
                "examples": st.sampled_from([["e"], "e", None]),
                "nullable": st.sampled_from([True, False, None]),
            },
        )
    )
    return {**schema, **extra}


@st.composite
def scalars(draw: st.DrawFn) -> Any:
    """A schema of a single value, in the spellings of several drafts and languages."""
    made: Any = draw(
        st.sampled_from(
            [
                {"type": "string"},
                {"type": "STRING"},
                {"type": "str"},
                {"type": ["string", "null"]},
                {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
                {"type": "integer", "minimum": "0"},
                {"type": "number", "exclusiveMaximum": 3},
                {"type": "number", "maximum": 3, "exclusiveMaximum": False},
                {"type": "boolean"},
                {"type": "bool"},
                {"type": "any"},
                {"type": None},
                {"enum": ["cat", "dog"]},
                {"enum": "cat"},
                {"const": "cat"},
                {"const": None},
                {"type": "string", "minLength": "1", "maxLength": 5.0},
                {},
                True,
                None,
                [],
            ]
        )
    )
    return _described(made, draw) if isinstance(made, dict) else made


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, min_size=0, max_size=3)
    return st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda items: {"type": "array", "items": items, "additionalItems": False}, lists),
        st.builds(lambda members: {"anyOf": members}, lists),
        st.builds(lambda members: {"oneOf": members}, lists),
        st.builds(lambda members: {"allOf": members}, lists),
        st.builds(lambda member: {"not": member}, inner),
        st.builds(lambda member: {"type": "object", "additionalProperties": member}, inner),
        objects(inner),
    )


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    """An object's schema."""
    properties = draw(st.dictionaries(NAMES, inner, max_size=4))
    schema: dict[str, Any] = {"type": draw(st.sampled_from(["object", "object", None, ["object", "null"], "dict"]))}
    schema["properties"] = draw(st.sampled_from([properties, properties, properties, []]))
    if draw(st.booleans()):
        schema["required"] = draw(st.sampled_from([None, True, list(properties)[:2], [*properties, *properties]]))
    if draw(st.booleans()):
        schema["additionalProperties"] = draw(st.sampled_from([False, True, None, {}]))
    return _described(schema, draw)


_INNER = st.recursive(scalars(), _nested, max_leaves=5)
_OBJECTS = objects(_INNER)
_MEMBERS = st.lists(_OBJECTS | st.builds(lambda name: {"required": [name]}, NAMES), max_size=3)


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    """The parameters of a tool, with what clients put beside `properties`."""
    schema = draw(_OBJECTS)
    for word in ("anyOf", "oneOf", "allOf"):
        if draw(st.integers(0, 3)) == 0:
            schema[word] = draw(_MEMBERS)
    if draw(st.integers(0, 3)) == 0:
        schema["$defs"] = {"Node": draw(_OBJECTS)}
        reference = draw(
            st.sampled_from(["#/$defs/Node", "#/properties/a", "#/$defs/Nothing", "#", "https://x.example/y"])
        )
        if isinstance(schema["properties"], dict):
            schema["properties"][draw(st.sampled_from(["node", "node[]"]))] = {"$ref": reference}
    if draw(st.integers(0, 5)) == 0:
        schema["$schema"] = draw(
            st.sampled_from(["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"])
        )
    if draw(st.integers(0, 7)) == 0:
        others = {word: schema.pop(word) for word in ("$defs",) if word in schema}
        return {"$ref": "#/definitions/Args", "definitions": {"Args": schema}, **others}
    return schema


_ARGUMENTS = st.recursive(
    _VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=3
)


_PARAMETERS = parameters()


@st.composite
def parameters_and_arguments(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of a tool, and arguments that often fit them."""
    schema = draw(_PARAMETERS)
    listed = schema.get("definitions", {}).get("Args", schema).get("properties")
    names = st.sampled_from([*listed]) if listed else NAMES
    return schema, draw(st.dictionaries(names | NAMES, _ARGUMENTS, max_size=3))


_PYTHON = {"str": "string", "bool": "boolean", "dict": "object", "STRING": "string"}
_CHECKS: dict[str, Any] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def accepts(schema: Any, value: Any, root: Any, depth: int = 0) -> bool:
    """Whether a tolerant client takes `value` under `schema`: keywords that are wrong say nothing.

    It is written without the product's code, to judge that by, and knows just what the generators here use.
    """
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict) or depth > 30:
        return True
    if value is None and schema.get("nullable") is True:
        return True
    if isinstance(reference := schema.get("$ref"), str):
        target: Any = root
        for step in reference.removeprefix("#").strip("/").split("/") if reference.startswith("#") else ["?"]:
            target = target.get(step) if isinstance(target, dict) and step else target if not step else None
        if target is not None and not accepts(target, value, root, depth + 1):
            return False
    kinds = schema.get("type")
    kinds = [_PYTHON.get(str(kind), kind) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    if all(kind in _CHECKS for kind in kinds) and not any(_CHECKS[kind](value) for kind in kinds):
        return False
    return (
        _in_limits(schema, value)
        and _in_parts(schema, value, root, depth)
        and _in_combinators(schema, value, root, depth)
    )


def _in_limits(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
        return False
    if schema.get("const") is not None and (value != schema["const"] or type(value) is not type(schema["const"])):
        return False
    if "const" in schema and schema["const"] is None and value is not None:
        return False
    if isinstance(value, str):
        return int(schema.get("minLength") or 0) <= len(value) <= float(schema.get("maxLength") or 99)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and (
        value < float(least) or (schema.get("exclusiveMinimum") is True and value == float(least))
    ):
        return False
    if most is not None and value > float(most):
        return False
    limit = schema.get("exclusiveMaximum")
    return limit is None or isinstance(limit, bool) or bool(value < limit)


def _in_parts(schema: dict[str, Any], value: Any, root: Any, depth: int) -> bool:
    properties = schema["properties"] if isinstance(schema.get("properties"), dict) else {}
    if isinstance(value, dict):
        required = schema["required"] if isinstance(schema.get("required"), list) else []
        # Draft 3 marks the property itself.
        required = [*required, *(name for name, one in properties.items() if _is_marked(one))]
        if not set(required) <= value.keys():
            return False
        others = schema.get("additionalProperties", True)
        for name, inner in value.items():
            if not accepts(properties.get(name, others), inner, root, depth + 1):
                return False
    if isinstance(value, list) and "items" in schema:
        items = schema["items"]
        if isinstance(items, list):
            rest = schema.get("additionalItems", True)
            items = [*items, *[rest] * max(0, len(value) - len(items))]
        else:
            items = [items] * len(value)
        return all(accepts(item, inner, root, depth + 1) for item, inner in zip(items, value, strict=False))
    return True


def _is_marked(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("required") is True


def _in_combinators(schema: dict[str, Any], value: Any, root: Any, depth: int) -> bool:
    counts = {
        word: (sum(accepts(member, value, root, depth + 1) for member in schema[word]), len(schema[word]))
        for word in ("anyOf", "oneOf", "allOf")
        if isinstance(schema.get(word), list) and schema[word]
    }
    if "anyOf" in counts and not counts["anyOf"][0]:
        return False
    if "oneOf" in counts and counts["oneOf"][0] != 1:
        return False
    if "allOf" in counts and counts["allOf"][0] != counts["allOf"][1]:
        return False
    return "not" not in schema or schema["not"] is None or not accepts(schema["not"], value, root, depth + 1)
