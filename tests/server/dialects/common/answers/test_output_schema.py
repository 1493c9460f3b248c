"""Schemas of answers: kept, simplified and reported, or not expressible."""

import json
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel, Field

from server.dialects.common.answers.output_schema import output_schema
from server.standin.validation.output_format import check_format
from server.standin.validation.types import Rejected
from tests.work import counted

PLACE = "response_format.json_schema.schema"


def converted(schema: dict[str, Any]) -> dict[str, Any]:
    output = output_schema(schema, PLACE)
    assert output is not None
    found: dict[str, Any] = json.loads(output.text)
    check_format(found)
    return found


def ignored(schema: dict[str, Any]) -> list[str]:
    output = output_schema(schema, PLACE)
    assert output is not None
    return [place.removeprefix(f"{PLACE}.") for place in output.ignored]


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
INEXPRESSIBLE: list[dict[str, Any]] = [
    {**fields(t={"$ref": "#/$defs/Tree"}), "$defs": TREE},
    {**fields(t={"$ref": "#/$defs/A"}), "$defs": ROUND},
    fields(a={"$ref": "#"}),
    fields(a={"$ref": "https://example.org/schema.json"}),
    fields(a={"$ref": "#/$defs/Missing"}),
    fields(a={"$ref": "#/properties/b"}, b={"type": "null"}),
    {**fields(a={"$ref": "#/$defs/A", "properties": {}}), "$defs": {"A": {"type": "null"}}},
    {},
    fields(a={}),
    fields(a={"type": "any"}),
    fields(a={"type": ["string", 5]}),
    fields(a=True),
    fields(a={"type": "object"}),
    fields(a={"type": "object", "additionalProperties": {"type": "null"}}),
    fields(a={"type": "object", "patternProperties": {}}),
    fields(a={"type": "array", "prefixItems": []}),
    fields(a={"type": "array", "items": [{"type": "null"}]}),
    fields(a={"enum": [{"b": 1}]}),
    fields(a={"enum": []}),
    fields(a={"anyOf": []}),
    fields(a={"anyOf": [{"type": "object", "properties": {"b": {}}}]}),
    fields(a={"anyOf": [{"type": "null"}], "properties": {"b": {"type": "null"}}}),
    fields(a={"allOf": [{"type": "null"}, {"type": "null"}]}),
    fields(a={"not": {"type": "null"}}),
    fields(a={"anyOf": [{"type": "string", "if": {}}]}),
    {"type": "object", "properties": {}, "required": ["a"], "additionalProperties": False},
    {"type": "object", "properties": []},
    {**fields(), "$defs": []},
    # More than Anthropic's limits of complexity.
    {"type": "object", "properties": {f"p{n}": {"type": "null"} for n in range(25)}},
    fields(**{f"p{n}": {"type": ["string", "null"]} for n in range(17)}),
]


@pytest.mark.parametrize("schema", INEXPRESSIBLE, ids=range(len(INEXPRESSIBLE)))
def test_what_structured_outputs_cannot_express_has_no_schema(schema: dict[str, Any]) -> None:
    assert output_schema(schema, PLACE) is None


def test_a_tagged_union_of_pydantic_is_expressed() -> None:
    union = {
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/Cat"}},
        "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
    }
    schema = {**fields(pet=union), "$defs": {"Cat": fields(kind={"const": "cat"}), "Dog": fields()}}
    assert converted(schema)["properties"]["pet"] == {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    assert ignored(schema) == ["properties.pet.discriminator", "properties.pet.oneOf"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"type": "number"}, {"anyOf": [{"type": "number"}, {"type": "null"}]}),
        ({"enum": ["a"], "title": "A"}, {"anyOf": [{"enum": ["a"]}, {"type": "null"}], "title": "A"}),
        ({"enum": ["a", None]}, {"enum": ["a", None]}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "null"}, {"type": "null"}),
    ],
)
def test_nullable_allows_null(field: dict[str, Any], expected: dict[str, Any]) -> None:
    assert converted(fields(it={**field, "nullable": True}))["properties"]["it"] == expected
    assert ignored(fields(it={**field, "nullable": True})) == []


def test_unknown_keywords_are_reported() -> None:
    field = {"type": "string", "x-order": 1, "xml": {}, "additionalProperties": None}
    assert converted(fields(it=field))["properties"]["it"] == {"type": "string"}
    assert ignored(fields(it=field)) == ["properties.it.x-order", "properties.it.xml"]


def nested_lists(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": ["array", "array"], "items": schema}
    return schema


def chain(length: int, width: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {f"D{length}": {"type": "string"}}
    for number in range(length):
        target = {"$ref": f"#/$defs/D{number + 1}"}
        definitions[f"D{number}"] = fields(**{f"p{n}": target for n in range(width)})
    return {**fields(a={"$ref": "#/$defs/D0"}), "$defs": definitions}


LARGE: list[tuple[dict[str, Any], bool]] = [
    (nested_lists(40), True),
    (nested_lists(400), False),
    (chain(50, 1), True),
    (chain(40, 2), False),
    (chain(4000, 1), False),
    (chain(4000, 20), False),
    ({**fields(), "$defs": {f"D{n}": {"type": "null"} for n in range(200_000)}}, False),
    (fields(a={"enum": [str(n) for n in range(200_000)]}), True),
    (fields(a={"type": [f"t{n}" for n in range(200_000)]}), False),
    (fields(**{"x" * 1_000_000: fields(**{f"p{n}": {"type": "integer", "minimum": 1} for n in range(4000)})}), True),
]


@pytest.mark.parametrize(("schema", "is_expressed"), LARGE, ids=range(len(LARGE)))
def test_the_work_is_bounded(schema: dict[str, Any], is_expressed: bool) -> None:
    found, calls = counted(lambda: output_schema(schema, PLACE))
    assert calls < 1_000_000
    assert (found is not None) == is_expressed
    assert found is None or len(found.ignored) <= 50


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
