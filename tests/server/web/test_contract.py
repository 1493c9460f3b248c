"""The OpenAPI document: valid schemas, and examples of every endpoint and every error."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from server import errors
from server.dialects.common.openai_errors import error_reply
from server.errors import DrawbridgeError
from server.web.openapi.chat_request import REQUEST_EXAMPLES
from server.web.openapi.error_examples import ALL, ERROR_SCHEMA
from server.web.openapi.request_schemas import request_schemas
from tests.server.web.scene import FakeEngine, client, served

_jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
Draft202012Validator: Any = _jsonschema.Draft202012Validator
# Errors of the start, of the desktop and of our own page, which no client receives.
NOT_SENT = (errors.StartError, errors.KeyringError, errors.KeysUnreadable, errors.SettingPinned, errors.TunnelRefused)


def kinds(of: type[DrawbridgeError]) -> Iterator[type[DrawbridgeError]]:
    """Yields the leaves of the error classes, without those that other modules define."""
    below = [kind for kind in of.__subclasses__() if kind.__module__.startswith(f"{errors.__name__}.")]
    if not below:
        yield of
    for kind in below:
        yield from kinds(kind)


@pytest.fixture
async def document() -> dict[str, Any]:
    async with client(served(FakeEngine())) as c:
        found: dict[str, Any] = (await c.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


@pytest.mark.parametrize("kind", [kind for kind in kinds(DrawbridgeError) if not issubclass(kind, NOT_SENT)])
def test_every_error_has_an_example(kind: type[DrawbridgeError]) -> None:
    assert any(type(error) is kind for error in ALL)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_an_error_has_a_message_and_matches_its_schema(error: DrawbridgeError) -> None:
    body = error_reply(error).body
    Draft202012Validator(ERROR_SCHEMA).validate(body)
    assert len(str(body["error"]["message"])) > 20  # type: ignore[index] # the error body


async def test_every_endpoint_has_an_example_of_every_response(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                if kind == "text/html":
                    continue
                assert content.get("example") or content.get("examples"), (name, status, kind)


async def test_chat_lists_every_error_by_status(document: dict[str, Any]) -> None:
    listed = document["paths"]["/v1/chat/completions"]["post"]["responses"]
    assert {"200", "400", "401", "403", "404", "408", "409", "413", "415", "429", "500", "503", "504"} == set(listed)
    for status, response in listed.items():
        if status != "200":
            for example in response["content"]["application/json"]["examples"].values():
                Draft202012Validator(document["components"]["schemas"]["Error"]).validate(example["value"])


SCHEMA = {"$ref": "#/components/schemas/ChatRequest", "components": {"schemas": request_schemas()}}


@pytest.mark.parametrize("name", REQUEST_EXAMPLES)
async def test_an_example_of_a_request_is_valid_and_answered(name: str) -> None:
    body = REQUEST_EXAMPLES[name]["value"]
    Draft202012Validator(SCHEMA).validate(body)
    async with client(served(FakeEngine())) as c:
        reply = await c.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    assert "x-drawbridge-ignored" not in reply.headers


async def test_openais_client_reads_the_response_examples(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    ChatCompletion.model_validate(content["application/json"]["example"])
    lines = content["text/event-stream"]["example"].splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert chunks
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)


async def test_every_reference_of_the_document_resolves(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) <= schemas.keys()
    assert json.dumps(document).count('"$ref"') == len(references)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"messages": [], "max_tokens": 0},
        {"messages": [], "tools": [{"type": "function", "function": {"name": ""}}]},
    ],
)
def test_the_schema_of_a_request_refuses_what_the_server_refuses(body: dict[str, Any]) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(body)
