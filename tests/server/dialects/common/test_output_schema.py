"""Schemas of answers: kept, simplified and reported, or refused with the keyword."""

import json
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel, Field

from server.dialects.common.output_schema import output_schema
from server.errors import InvalidRequest
from server.standin.validation.output_format import check_format
from server.standin.validation.types import Rejected

PLACE = "response_format.json_schema.schema"


def converted(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output_schema(schema, PLACE).text or "")
    check_format(found)
    return found


def ignored(schema: dict[str, Any]) -> list[str]:
    return [place.removeprefix(f"{PLACE}.") for place in output_schema(schema, PLACE).ignored]


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


SUPPORTED = [
    fields(),
    fields(name={"type": "string", "description": "Who.", "title": "Name"}, born={"type": "string", "format": "date"}),
    fields(tags={"type": "array", "items": {"type": "string"}, "minItems": 1}),
    fields(kind={"enum": ["a", 1, None, True]}, fixed={"const": "x"}),
    fields(either={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    {**fields(inner={"$ref": "#/$defs/Inner"}), "$defs": {"Inner": fields(n={"type": "integer"})}},
    # Names of properties are not keywords.
    fields(minimum={"type": "number"}, pattern={"type": "boolean"}, **{"$ref": {"type": "null"}}),
]


@pytest.mark.parametrize("schema", SUPPORTED, ids=range(len(SUPPORTED)))
def test_a_supported_schema_is_unchanged(schema: dict[str, Any]) -> None:
    assert converted(schema) == schema
    assert ignored(schema) == []


@pytest.mark.parametrize(
    ("field", "expected", "reported"),
    [
        (
            {"type": "integer", "minimum": 0, "maximum": 9, "description": "Age."},
            {"type": "integer", "description": "Age.\n\nminimum: 0, maximum: 9"},
            ["minimum", "maximum"],
        ),
        (
            {"type": "string", "maxLength": 5, "pattern": "^(a+)+$"},
            {"type": "string", "description": 'maxLength: 5, pattern: "^(a+)+$"'},
            ["maxLength", "pattern"],
        ),
        ({"type": "string", "format": "color"}, {"type": "string", "description": 'format: "color"'}, ["format"]),
        (
            {"type": "array", "items": {"type": "null"}, "minItems": 2},
            {"type": "array", "items": {"type": "null"}, "description": "minItems: 2"},
            ["minItems"],
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            ["oneOf"],
        ),
        (
            {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": True},
            {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": False},
            ["additionalProperties"],
        ),
        # Changes that affect no value are not reported.
        (
            {"type": "object", "properties": {"a": {"type": "null"}}},
            {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": False},
            [],
        ),
        ({"type": "string", "default": "a", "examples": ["b"]}, {"type": "string"}, []),
        ({"type": "string", "enum": ["a"]}, {"enum": ["a"]}, []),
        (
            {"type": ["string", "null"], "description": "Or none.", "maxLength": 3},
            {
                "anyOf": [{"type": "string", "description": "maxLength: 3"}, {"type": "null"}],
                "description": "Or none.",
            },
            ["maxLength"],
        ),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"enum": ["a", None]}, []),
        ({"items": {"type": "null"}}, {"type": "array", "items": {"type": "null"}}, []),
    ],
)
def test_narrowing_keywords_move_into_the_description(
    field: dict[str, Any], expected: dict[str, Any], reported: list[str]
) -> None:
    assert converted(fields(it=field))["properties"]["it"] == expected
    assert ignored(fields(it=field)) == [f"properties.it.{word}" for word in reported]


def test_a_reference_with_a_description_keeps_both() -> None:
    schema = {
        **fields(
            a={"$ref": "#/$defs/A", "description": "The a."},
            b={"allOf": [{"$ref": "#/$defs/A"}], "description": "The b."},
        ),
        "$defs": {"A": {"type": "string"}},
    }
    assert converted(schema)["properties"] == {
        "a": {"anyOf": [{"$ref": "#/$defs/A"}], "description": "The a."},
        "b": {"anyOf": [{"$ref": "#/$defs/A"}], "description": "The b."},
    }


TREE = {"Tree": {"type": "object", "properties": {"child": {"$ref": "#/$defs/Tree"}}}}
ROUND = {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"type": "array", "items": {"$ref": "#/$defs/A"}}}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({**fields(t={"$ref": "#/$defs/Tree"}), "$defs": TREE}, "$defs.Tree.$ref"),
        ({**fields(t={"$ref": "#/$defs/A"}), "$defs": ROUND}, "$defs.A.$ref"),
        (fields(a={"$ref": "#"}), "properties.a.$ref"),
        (fields(a={"$ref": "https://example.org/schema.json"}), "properties.a.$ref"),
        (fields(a={"$ref": "#/$defs/Missing"}), "properties.a.$ref"),
        (fields(a={}), "properties.a.type"),
        (fields(a={"type": "any"}), "properties.a.type"),
        (fields(a=True), "properties.a"),
        (fields(a={"type": "object"}), "properties.a.additionalProperties"),
        (fields(a={"type": "object", "additionalProperties": {"type": "null"}}), "properties.a.additionalProperties"),
        (fields(a={"type": "object", "patternProperties": {}}), "properties.a.patternProperties"),
        (fields(a={"type": "array", "prefixItems": []}), "properties.a.prefixItems"),
        (fields(a={"enum": [{"b": 1}]}), "properties.a.enum"),
        (fields(a={"enum": []}), "properties.a.enum"),
        (fields(a={"anyOf": []}), "properties.a.anyOf"),
        (fields(a={"allOf": [{"type": "null"}, {"type": "null"}]}), "properties.a.allOf"),
        (fields(a={"not": {"type": "null"}}), "properties.a.not"),
        (fields(a={"anyOf": [{"type": "string", "if": {}}]}), "properties.a.anyOf[0].if"),
        ({"type": "object", "properties": {}, "required": ["a"], "additionalProperties": False}, "required"),
        ({"type": "object", "properties": []}, "properties"),
    ],
)
def test_an_unsupported_schema_is_refused_with_the_keyword(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        output_schema(schema, PLACE)
    assert caught.value.param == f"{PLACE}.{place}"
    assert f"{PLACE}.{place} " in str(caught.value)


def test_a_deeply_nested_schema_is_refused() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(500):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        output_schema(schema, PLACE)


class _Step(BaseModel):
    explanation: str = Field(min_length=1, description="Why.")
    output: float = Field(ge=0)
    note: str | None = None


class _Reasoning(BaseModel):
    steps: list[_Step] = Field(min_length=2)
    final: _Step


def test_a_pydantic_model_is_converted_as_by_anthropics_package() -> None:
    """Except that descriptions of references are kept, and keywords that constrain nothing are removed."""
    theirs = anthropic.transform_schema(_Reasoning.model_json_schema())
    ours = converted(_Reasoning.model_json_schema())
    assert ours.keys() == theirs.keys()
    assert ours["properties"].keys() == theirs["properties"].keys()
    step = ours["$defs"]["_Step"]["properties"]
    assert step["explanation"] == {"type": "string", "title": "Explanation", "description": "Why.\n\nminLength: 1"}
    assert step["note"]["anyOf"] == [{"type": "string"}, {"type": "null"}]


UNSUPPORTED = [
    {"type": "object", "properties": {}},
    fields(a={"type": "integer", "minimum": 1}),
    fields(a={"type": "array", "items": {"type": "null"}, "minItems": 2}),
    fields(a={}),
    fields(a={"$ref": "https://example.org/a.json"}),
    {**fields(t={"$ref": "#/$defs/Tree"}), "$defs": {"Tree": fields(child={"$ref": "#/$defs/Tree"})}},
]


@pytest.mark.parametrize("schema", UNSUPPORTED, ids=range(len(UNSUPPORTED)))
def test_the_stand_in_refuses_what_the_api_refuses(schema: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        check_format(schema)
