"""What becomes of tools' schemas on their way to Claude's API."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from server.dialects.common.tools.tool_schema import ToolSchema, tool_schema
from server.errors import InvalidRequest
from server.standin.validation.tools import check_tools
from tests.server.dialects.common.tools.mcp_shapes import SHAPES
from tests.server.dialects.common.tools.schemas import accepts, parameters, parameters_and_arguments
from tests.tiers import sized
from tests.work import counted

META = Draft202012Validator(Draft202012Validator.META_SCHEMA)
NOTHING_FETCHED: Registry[Any] = Registry(retrieve=lambda _: DRAFT202012.create_resource({}))  # type: ignore[call-arg]


def rewritten(schema: object) -> ToolSchema:
    return tool_schema(schema, "t", "tools[0].function.parameters")


def loaded(schema: object) -> Any:
    return json.loads(rewritten(schema).text)


def assert_the_api_takes(schema: Any) -> None:
    # Without formats: Claude's API takes patterns of any dialect.
    META.validate(schema)
    check_tools([{"name": "t", "input_schema": schema}], has_betas=False)


@pytest.mark.timeout(600)
@sized("examples", 600, small=60)
def test_claudes_api_takes_the_result(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(parameters())
    def check(schema: dict[str, Any]) -> None:
        assert_the_api_takes(loaded(schema))

    check()


@pytest.mark.timeout(600)
@sized("examples", 1000, small=100)
def test_all_arguments_that_the_client_accepts_can_be_sent(examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
    @given(parameters_and_arguments())
    def check(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
        schema, value = drawn
        assume(accepts(schema, value, schema))
        result = rewritten(schema)
        keys = dict(result.keys)
        renamed = {keys.get(name, name): inner for name, inner in value.items()}
        assert Draft202012Validator(json.loads(result.text), registry=NOTHING_FETCHED).is_valid(renamed)

    check()


@pytest.mark.timeout(600)
@sized("examples", 300, small=30)
def test_rewriting_twice_changes_nothing(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(parameters())
    def check(schema: dict[str, Any]) -> None:
        once = loaded(schema)
        again = rewritten(once)
        assert json.loads(again.text) == once
        assert again.keys == ()

    check()


@given(st.sampled_from([{"type": "object"}, {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}]))
def test_a_schema_that_the_api_takes_stays_equal(schema: dict[str, Any]) -> None:
    result = rewritten(schema)
    assert json.loads(result.text) == schema
    assert result.changed == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": ["object", "null"]}, {"type": "object"}),
        ({"properties": []}, {"properties": {}, "type": "object"}),
        ({"type": "object", "required": None}, {"type": "object"}),
        (
            {"type": "object", "properties": {"n": {"type": "int", "required": True}}},
            {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        ),
        (
            {"type": "object", "properties": {"n": {"type": "number", "minimum": 0, "exclusiveMinimum": True}}},
            {"type": "object", "properties": {"n": {"type": "number", "exclusiveMinimum": 0}}},
        ),
        (
            {"type": "object", "properties": {"p": {"type": "array", "items": [{"type": "string"}]}}},
            {"type": "object", "properties": {"p": {"type": "array", "prefixItems": [{"type": "string"}]}}},
        ),
        (
            {"type": "object", "properties": {"p": {"type": "string", "nullable": True}}},
            {"type": "object", "properties": {"p": {"type": ["string", "null"]}}},
        ),
    ],
)
def test_everyday_forms(given: object, expected: object) -> None:
    assert loaded(given) == expected


@pytest.mark.parametrize("empty", [None, {}, [], "", True, False])
def test_no_parameters(empty: object) -> None:
    assert loaded(empty) == {"type": "object", "properties": {}}
    assert rewritten(empty).changed == ()


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"properties": {"a": {"type": "file", "minimum": None}}}, ()),
        ({"properties": {"a": {"type": "any"}}}, ()),
        ({"properties": {"a": {"type": "blob"}}}, ("properties.a.type",)),
        ({"properties": {"a": {"enum": "x", "title": 1}}}, ("properties.a.enum", "properties.a.title")),
        ({"properties": {"a[]": {}}, "not": {"required": ["a[]"]}}, ("not",)),
        ({"properties": {"a": {"$ref": "#/$defs/Nothing"}}}, ("$ref",)),
        ({"allOf": [{"properties": {"a": {}}}]}, ("allOf",)),
    ],
)
def test_what_cannot_be_kept_is_named(schema: dict[str, Any], named: tuple[str, ...]) -> None:
    assert rewritten(schema).changed == tuple(f"tools[0].function.parameters.{place}" for place in named)


def test_members_of_all_of_are_joined_without_a_remark() -> None:
    members = [{"$ref": "#/$defs/A"}, {"properties": {"b": {}}, "required": ["b"]}]
    definition = {"properties": {"a": {}}, "required": ["a"]}
    assert loaded({"allOf": members, "$defs": {"A": definition}}) == {
        "type": "object",
        "$defs": {"A": definition},
        "properties": {"a": {}, "b": {}},
        "required": ["a", "b"],
    }


def test_alternatives_of_alternatives_are_joined() -> None:
    schema = loaded({"allOf": [{"oneOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {}}}]}]})
    assert schema["properties"] == {"a": {"anyOf": [{"type": "string"}, {}]}, "b": {"anyOf": [{}, {}]}}


def test_nested_copies_of_the_whole_keep_the_clients_names() -> None:
    result = rewritten({"type": "object", "properties": {"a b": {"$ref": "#"}}})
    (legal,) = dict(result.keys).values()
    schema = json.loads(result.text)
    reference = schema["properties"][legal]["$ref"]
    copy = schema["$defs"][reference.removeprefix("#/$defs/")]
    assert copy["properties"] == {"a b": {"$ref": reference}}


def test_alternatives_at_the_top_are_said_in_words_and_named() -> None:
    result = rewritten(
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "area": {"type": "string"}},
            "anyOf": [{"required": ["name"]}, {"required": ["area"]}],
        }
    )
    schema = json.loads(result.text)
    assert schema["properties"] == {"name": {"type": "string"}, "area": {"type": "string"}}
    assert schema["description"] == "Give at least one of: name; area."
    assert result.changed == ("tools[0].function.parameters.anyOf",)


def test_keys_outside_the_apis_alphabet_are_mapped_and_unique() -> None:
    result = rewritten({"type": "object", "properties": {"filter[id]": {}, "filter(id)": {}, "": {}, "a" * 80: {}}})
    assert [name for name, _ in result.keys] == ["filter[id]", "filter(id)", "", "a" * 80]
    assert len({legal for _, legal in result.keys}) == 4
    assert_the_api_takes(json.loads(result.text))


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": "array", "items": {}}, "text", 3, ["a"]])
def test_parameters_that_are_no_object_are_refused_by_the_tools_name(schema: object) -> None:
    with pytest.raises(InvalidRequest, match="'t'"):
        rewritten(schema)


def test_recursion_stays() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    schema = {"type": "object", "properties": {"first": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}
    assert loaded(schema) == schema


@pytest.mark.parametrize("name", SHAPES)
def test_tools_of_public_servers_keep_their_properties(name: str) -> None:
    shape = json.loads(json.dumps(SHAPES[name]))
    result = rewritten(shape)
    schema = json.loads(result.text)
    assert_the_api_takes(schema)
    keys = dict(result.keys)
    offered = schema.get("properties", {})
    assert {keys.get(key, key) for key in properties_at_the_top(shape, shape)} == offered.keys()
    assert names_of_properties(shape) <= names_of_properties(schema) | keys.keys()
    assert all(offered[legal]["title"] == name for name, legal in keys.items())


def properties_at_the_top(schema: Any, root: Any) -> dict[str, Any]:
    """Returns the properties that any alternative at the top describes."""
    if not isinstance(schema, dict):
        return {}
    if isinstance(reference := schema.get("$ref"), str):
        target = root
        for step in reference.split("/")[1:]:
            target = target[step]
        return properties_at_the_top(target, root)
    properties = schema.get("properties")
    found = {name: inner or {} for name, inner in (properties if isinstance(properties, dict) else {}).items()}
    for member in [member for word in ("allOf", "anyOf", "oneOf") for member in schema.get(word) or ()]:
        found = {**properties_at_the_top(member, root), **found}
    return found


def names_of_properties(schema: Any) -> set[str]:
    """Returns the names of all properties at any depth."""
    found: set[str] = set()
    if isinstance(schema, dict):
        properties = schema.get("properties")
        found |= properties.keys() if isinstance(properties, dict) else set()
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        found |= names_of_properties(inner)
    return found


def deep(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"type": ["array", "array"], "items": schema}
    return schema


def negated(levels: int, inner: Any) -> Any:
    for _ in range(levels):
        inner = {"not": inner}
    return inner


def named_deeply(levels: int, inner: Any) -> Any:
    for _ in range(levels):
        inner = {"properties": {"n" * 2000: inner}}
    return inner


WIDE = {f"p{n}": {"type": "string"} for n in range(2000)}
LARGE: dict[str, Any] = {
    "deep": {"properties": {"a": deep(240)}},
    "a chain of references": {
        "properties": {"a": {"$ref": "#/$defs/D0"}},
        "$defs": {f"D{n}": {"$ref": f"#/$defs/D{n + 1}"} for n in range(20_000)},
    },
    "a chain at the top": {
        "$ref": "#/$defs/D0",
        "$defs": {f"D{n}": {"$ref": f"#/$defs/D{n + 1}", "title": "T"} for n in range(1000)},
    },
    "doubling definitions": {
        "allOf": [{"$ref": "#/$defs/D0"}],
        "$defs": {f"D{n}": {"anyOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 2} for n in range(1000)},
    },
    "wide alternatives": {"allOf": [{"properties": WIDE}] * 20, "properties": WIDE},
    "a large definition in many alternatives": {
        "anyOf": [{"allOf": [{"$ref": "#/$defs/D"}], "required": [f"p{n}"]} for n in range(2000)],
        "$defs": {"D": {"properties": WIDE}},
    },
    "alternatives that share nothing": {"oneOf": [{"properties": {f"p{n}": {}}} for n in range(5000)]},
    "references that lead nowhere": {"properties": {f"p{n}": {"$ref": f"#/$defs/{n}"} for n in range(20_000)}},
    "targets that have moved": {
        "properties": {"a b": {"properties": WIDE}, **{n: {"$ref": f"#/properties/a b/properties/{n}"} for n in WIDE}},
    },
    "negations of a large schema": {"properties": {"a": negated(90, {"properties": WIDE})}},
    "long names": {"properties": {"a": named_deeply(90, {"properties": {name: {"type": 1} for name in WIDE}})}},
    "illegal names": {"properties": {f"p[{n}]": {} for n in range(20_000)}},
    "many faults": {"properties": {f"p{n}": {"type": 1, "enum": 2, "required": "x"} for n in range(10_000)}},
}


@pytest.mark.parametrize("name", LARGE)
def test_the_work_grows_with_the_size_and_no_faster(name: str) -> None:
    # Quadratic algorithms make thousands of calls for each character.
    size = len(json.dumps(LARGE[name]))
    result, calls = counted(lambda: rewritten(LARGE[name]))
    assert calls < 5 * size + 20_000
    check_tools([{"name": "t", "input_schema": json.loads(result.text)}], has_betas=False)
    assert len(result.text) < 4 * size + 20_000
    assert sum(map(len, result.changed)) < 50_000
