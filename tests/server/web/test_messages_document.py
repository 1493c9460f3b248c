"""The Messages API in the OpenAPI document: its examples are valid, answered, and read by Anthropic's own types."""

from typing import Any

import pytest
from anthropic.types import Message
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from server.web.openapi.messages import MESSAGES
from server.web.openapi.request_schemas import request_schemas
from tests.server.web.scene import FakeEngine, client, served

EXAMPLES: dict[str, Any] = MESSAGES["openapi_extra"]["requestBody"]["content"]["application/json"]["examples"]
SCHEMA = {"$ref": "#/components/schemas/MessagesRequest", "components": {"schemas": request_schemas()}}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_of_a_request_is_valid_and_answered(name: str) -> None:
    body = EXAMPLES[name]["value"]
    Draft202012Validator(SCHEMA).validate(body)
    async with client(served(FakeEngine())) as c:
        reply = await c.post("/v1/messages", json=body)
    assert reply.status_code == 200, reply.text
    assert "x-drawbridge-ignored" not in reply.headers


def test_anthropics_types_read_the_examples() -> None:
    Message.model_validate(MESSAGES["responses"][200]["content"]["application/json"]["example"], strict=True)
    for status, response in MESSAGES["responses"].items():
        content = response["content"]["application/json"]
        for example in content.get("examples", {}).values():
            Draft202012Validator(content["schema"]).validate(example["value"])
            assert status != 503
