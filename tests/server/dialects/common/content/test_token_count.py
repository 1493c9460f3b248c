"""The estimate of input tokens grows with everything that a request contains, and says that it is one."""

import base64
import io
from typing import Any

import pytest
from PIL import Image as Picture

from server.dialects.common.content.token_count import estimated_tokens
from server.dialects.messages.request import parse_messages, request_from_messages
from tests.server.web.scene import FakeEngine, client, served

HI: dict[str, Any] = {"role": "user", "content": "Hello, how are you today?"}
TOOL = {"name": "look", "description": "Looks at a place.", "input_schema": {"type": "object", "properties": {}}}
PDF = base64.b64encode(b"%PDF-1.7\n<< /Type /Pages >> << /Type /Page >> << /Type/Page >>").decode()


def counted(*messages: dict[str, Any], **fields: Any) -> int:
    body = {"model": "sonnet", "messages": [*messages], **fields}
    return estimated_tokens(request_from_messages(parse_messages(body), owner="local"))


def with_part(part: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [part, {"type": "text", "text": HI["content"]}]}


def picture(width: int, height: int) -> dict[str, Any]:
    file = io.BytesIO()
    Picture.new("RGB", (width, height), "red").save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def test_a_short_question_has_some_tokens() -> None:
    assert 5 <= counted(HI) <= 20


def test_everything_counts() -> None:
    plain = counted(HI)
    assert counted(HI, system="Be brief. " * 35) - plain == 100
    assert 340 < counted(HI, tools=[TOOL]) - plain < 400
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {"at": "it"}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x" * 350}]}
    assert counted(HI, call) < counted(HI, call, result)
    assert counted(HI, call, result) > plain + 100


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(750, 100, 100), (1000, 750, 1000), (1900, 1900, 1600), (10, 1900, 14)]
)
def test_a_picture_counts_by_its_pixels(width: int, height: int, expected: int) -> None:
    assert abs(counted(with_part(picture(width, height))) - counted(HI) - expected) <= 12


def test_documents_count_by_text_or_pages() -> None:
    text = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x" * 350}}
    pages = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}
    assert counted(with_part(text)) - counted(HI) == 100
    assert counted(with_part(pages)) - counted(HI) == 4000


async def test_the_endpoint_says_that_it_estimates() -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        reply = await c.post("/v1/messages/count_tokens", json={"model": "sonnet", "messages": [HI]})
        wrong = await c.post("/messages/count_tokens", json={"model": "sonnet"})
    assert reply.json() == {"input_tokens": counted(HI)}
    assert reply.headers["x-drawbridge-count"] == "estimate"
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (400, "invalid_request_error")
    assert engine.requests == []
