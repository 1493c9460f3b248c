"""Documents, search results, citations and structured output by Anthropic's own Python client."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
import pytest_asyncio
from pydantic import BaseModel

from server.standin.script import Cite, say
from server.standin.server import Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import FORM, blocks_of, form_of, spoken
from tests.whole.test_client_anthropic import ASKED, answered

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

CITED = {"citations": {"enabled": True}}
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n").decode()
DOCUMENTS: dict[str, dict[str, Any]] = {
    "text": {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "The grass is green."},
        "title": "Grass",
        "context": "A note.",
        **CITED,
    },
    "pdf": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        **CITED,
    },
    "blocks": {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
        "title": "Numbers",
        **CITED,
    },
    "search": {
        "type": "search_result",
        "source": "https://example.org/grass",
        "title": "Grass",
        "content": [{"type": "text", "text": "It is green."}],
        **CITED,
    },
}
_DOCUMENT = {"cited_text": "It is green.", "document_index": 0, "document_title": "Grass", "file_id": None}
CITATIONS: dict[str, dict[str, Any]] = {
    "text": {"type": "char_location", **_DOCUMENT, "start_char_index": 0, "end_char_index": 19},
    "pdf": {"type": "page_location", **_DOCUMENT, "start_page_number": 1, "end_page_number": 2},
    "blocks": {"type": "content_block_location", **_DOCUMENT, "start_block_index": 0, "end_block_index": 1},
    "search": {
        "type": "search_result_location",
        "cited_text": "It is green.",
        "source": "https://example.org/grass",
        "title": "Grass",
        "search_result_index": 0,
        "start_block_index": 0,
        "end_block_index": 1,
    },
}


class Report(BaseModel):
    city: str
    degrees: int


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(running: Bridge) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """A client that checks each reply against its own types."""
    url = running.url.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(
        base_url=url, api_key="anything", max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("kind", list(DOCUMENTS))
async def test_what_is_cited_arrives_and_the_citations_come_back(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin, kind: str, is_streamed: bool
) -> None:
    second = {**CITATIONS[kind], "cited_text": "So it is."}
    standin.script(say("Green", Cite(CITATIONS[kind]), ".", Cite(second)))
    content = [DOCUMENTS[kind], {"type": "text", "text": "Which colour?"}]
    message = await answered(client, is_streamed=is_streamed, messages=[{"role": "user", "content": content}])
    (block,) = [block.to_dict() for block in message.content]
    assert block == {"type": "text", "text": "Green.", "citations": [CITATIONS[kind], second]}
    (sent, question) = blocks_of(spoken(standin.requests[0].body)[0]["content"])
    sent.pop("cache_control", None)
    assert (sent, question["text"]) == (DOCUMENTS[kind], "Which colour?")


async def test_an_answer_with_citations_may_be_sent_back(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    """Its text continues the conversation, with the document before it."""
    standin.script(lambda _: say("Green.", Cite(CITATIONS["text"])))
    first = {"role": "user", "content": [DOCUMENTS["text"], {"type": "text", "text": "Which colour?"}]}
    answer = await answered(client, is_streamed=True, messages=[first])
    history = [first, answer.to_param(), {"role": "user", "content": "Really?"}]
    raw = await client.messages.with_raw_response.create(**{**ASKED, "messages": history})
    assert raw.headers["x-drawbridge-way"] == "continued"
    shown = [blocks_of(message["content"]) for message in spoken(standin.requests[-1].body)]
    assert [[block["type"] for block in blocks] for blocks in shown] == [["document", "text"], ["text"], ["text"]]
    assert shown[1][0]["text"] == "Green."


async def test_a_tool_may_return_search_results(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    standin.script(say("Green.", Cite(CITATIONS["search"])))
    call = {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"query": "grass"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [DOCUMENTS["search"]]}
    history: list[Any] = [
        {"role": "user", "content": "Which colour?"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    tools = [{"name": "search", "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}}}]
    message = await answered(client, is_streamed=True, messages=history, tools=tools)
    assert [block.to_dict().get("citations") for block in message.content] == [[CITATIONS["search"]]]
    (arrived,) = blocks_of(spoken(standin.requests[-1].body)[-1]["content"])
    assert arrived["content"] == [DOCUMENTS["search"]]


async def test_structured_output(client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin) -> None:
    """By the client's own `parse`, and by its stream with a type."""
    standin.script(lambda _: say('{"city": "Os', 'lo", "degrees"', ": 9}"))
    parsed = await client.messages.parse(**ASKED, output_format=Report)
    assert parsed.parsed_output == Report(**FORM)
    async with client.messages.stream(**ASKED, output_format=Report) as stream:
        streamed = await stream.get_final_message()
    assert streamed.parsed_output == parsed.parsed_output
    schema = form_of(standin.requests[0].body)
    assert schema["properties"].keys() == {"city", "degrees"}
    assert schema["additionalProperties"] is False
    assert form_of(standin.requests[1].body) == schema
