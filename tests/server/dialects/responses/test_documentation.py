"""The examples of the Responses API in the OpenAPI document."""

import json

import pytest

from server.web.openapi.responses import RESPONSES_EXAMPLES, RESPONSES_OPERATION
from tests.server.dialects.responses.kit import strict_event, strict_response
from tests.server.dialects.responses.scene import open_scene


@pytest.mark.parametrize("name", RESPONSES_EXAMPLES)
async def test_an_example_of_a_request_is_answered(name: str) -> None:
    async with open_scene() as scene:
        reply = await scene.post(RESPONSES_EXAMPLES[name]["value"])
    assert reply.status_code == 200, reply.text
    assert "x-drawbridge-ignored" not in reply.headers


def test_openais_client_reads_the_examples_of_responses() -> None:
    content = RESPONSES_OPERATION["responses"][200]["content"]
    strict_response(content["application/json"]["example"])
    lines = content["text/event-stream"]["example"].splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert len(events) == 2
    for event in events:
        strict_event(event)
