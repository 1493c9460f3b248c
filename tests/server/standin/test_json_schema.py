"""The stand-in's check of JSON schemas, compared with a complete validator's."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped] # it has no types

from server.standin.validation.json_schema import is_schema
from tests.server.dialects.common.tools.schemas import parameters

META = Draft202012Validator(Draft202012Validator.META_SCHEMA)
VALUES: tuple[Any, ...] = (
    None,
    True,
    1,
    -1,
    0,
    2.5,
    3.0,
    "",
    "a",
    "a#",
    "#",
    [],
    ["a"],
    ["a", "a"],
    [{}],
    {},
    {"a": 1},
    {"a": True},
)
VALUES_OF_MAPS: tuple[Any, ...] = ({"a": {}}, {"a": ["b"]}, {"a": ["b", "b"]}, {"a": []}, {"a": None})
PARTS = [REGISTRY.contents(f"https://json-schema.org/draft/2020-12/{part['$ref']}") for part in META.schema["allOf"]]
WORDS = sorted({*META.schema["properties"], *(word for part in PARTS for word in part["properties"])})


@pytest.mark.parametrize("word", WORDS)
def test_each_keyword_is_judged_as_by_the_meta_schema(word: str) -> None:
    for value in (*VALUES, *VALUES_OF_MAPS, {"type": "string"}, {"type": None}):
        schema = {"properties": {"p": {word: value}}}
        assert is_schema(schema) == META.is_valid(schema), (word, value)


@settings(max_examples=50, deadline=None)
@given(parameters())
def test_any_schema_is_judged_as_by_the_meta_schema(schema: dict[str, Any]) -> None:
    assert is_schema(schema) == META.is_valid(schema)
