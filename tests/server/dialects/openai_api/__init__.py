"""Validates values against OpenAI's published schema of its API (`schema.json`, see the README beside it)."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types

SCHEMA = Path(__file__).with_name("schema.json")


def published(name: str) -> Callable[[object], None]:
    """Returns a check against the schema called `name`; the check raises `ValidationError`."""
    document = _document()
    assert name in document["components"]["schemas"]
    validator = Draft202012Validator({**document, "$ref": f"#/components/schemas/{name}"})

    def check(value: object) -> None:
        validator.validate(value)

    return check


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = _in_json_schema(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return document


def _in_json_schema(value: Any) -> Any:
    """Rewrites OpenAPI 3.0's `nullable: true` as a union with JSON Schema's null type."""
    if isinstance(value, list):
        return [_in_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _in_json_schema(item) for key, item in value.items() if key != "nullable"}
    if value.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
