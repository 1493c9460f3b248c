"""What becomes of tools' schemas on their way to Claude's API."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from server.dialects.common.tool_schema import ToolSchema, tool_schema
from server.errors import InvalidRequest
from server.standin.validation.tools import check_tools
from tests.server.dialects.common.schemas import accepts, parameters, parameters_and_arguments

NOTHING_FETCHED: Registry[Any] = Registry(retrieve=lambda _: DRAFT202012.create_resource({}))  # type: ignore[call-arg]


def rewritten(schema: object) -> ToolSchema:
    return tool_schema(schema, "t", "tools[0].function.parameters")


def loaded(schema: object) -> Any:
    return json.loads(rewritten(schema).text)


def assert_the_api_takes(schema: Any) -> None:
    Draft202012Validator.check_schema(schema)
    check_tools([{"name": "t", "input_schema": schema}], has_betas=False)


@settings(max_examples=60, deadline=None)
@given(parameters())
def test_claudes_api_takes_the_result(schema: dict[str, Any]) -> None:
    assert_the_api_takes(loaded(schema))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(parameters_and_arguments())
def test_all_arguments_that_the_client_accepts_can_be_said(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    schema, value = drawn
    assume(accepts(schema, value, schema))
    result = rewritten(schema)
    keys = dict(result.keys)
    renamed = {keys.get(name, name): inner for name, inner in value.items()}
    assert Draft202012Validator(json.loads(result.text), registry=NOTHING_FETCHED).is_valid(renamed)


@settings(max_examples=30, deadline=None)
@given(parameters())
def test_rewriting_twice_changes_nothing(schema: dict[str, Any]) -> None:
    once = loaded(schema)
    again = rewritten(once)
    assert json.loads(again.text) == once
    assert again.keys == ()


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


def test_the_work_grows_with_the_size_and_no_faster() -> None:
    # With a quadratic or exponential algorithm each of these takes minutes; the test's own timeout is the bound.
    deep: Any = {"type": "string"}
    for _ in range(240):
        deep = {"type": ["array", "array"], "items": deep}
    chain = {f"D{n}": {"$ref": f"#/$defs/D{n + 1}"} for n in range(20_000)}
    wide = {f"p{n}": {"anyOf": [{"required": ["a"]}] * 5} for n in range(5000)}
    for schema in (
        {"type": "object", "properties": {"a": deep}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/D0"}}, "$defs": chain},
        {"type": "object", "properties": wide, "allOf": [{"properties": wide}] * 2},
    ):
        rewritten(schema)
