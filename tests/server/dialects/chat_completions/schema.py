"""OpenAI's published schema of a reply, where a copy of it lies beside the repository."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SLICE = Path(__file__).parents[5] / "shared" / "openai" / "slice.json"


def published(name: str) -> Callable[[object], None]:
    """A check against the schema `name`. Skips the test where the file or the validator is missing."""
    if not SLICE.is_file():
        pytest.skip(f"OpenAI's published schema is not at {SLICE}")
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    document = _in_json_schema(json.loads(SLICE.read_text(encoding="utf-8")))
    validator = jsonschema.Draft202012Validator({**document, "$ref": f"#/components/schemas/{name}"})

    def check(value: object) -> None:
        validator.validate(value)

    return check


def _in_json_schema(value: Any) -> Any:
    """OpenAPI 3.0 wrote `nullable: true` beside a type; JSON Schema has a type of its own for null."""
    if isinstance(value, list):
        return [_in_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _in_json_schema(item) for key, item in value.items() if key != "nullable"}
    if value.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
