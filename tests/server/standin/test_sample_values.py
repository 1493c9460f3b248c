"""Made-up values match their schemas."""

import jsonschema  # type: ignore[import-untyped] # it has no types
import pytest

from server.standin.sample_values import sample

SCHEMAS: list[dict[str, object]] = [
    {"type": "object"},
    {"type": "object", "properties": {"a": {"type": "string"}}},
    {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "string", "minLength": 60}}},
    {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}, "minItems": 3}}},
    {"type": "object", "properties": {"a": {"type": ["number", "null"], "minimum": 7}}},
    {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 4}, "c": {"type": "null"}}},
    {"type": "object", "properties": {"a": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}}},
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/part"}},
        "$defs": {"part": {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}},
    },
    {"type": "object", "required": ["unknown"]},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=[str(number) for number in range(len(SCHEMAS))])
def test_a_sample_matches_its_schema(schema: dict[str, object]) -> None:
    jsonschema.validate(sample(schema), schema)


def test_a_recursive_schema_terminates() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    assert isinstance(sample(tree), dict)


@pytest.mark.parametrize("odd", [None, True, [], {"type": 5}, {"$ref": "https://example.org/schema"}, {"enum": []}])
def test_an_invalid_schema_gives_null(odd: object) -> None:
    assert sample(odd) is None
