"""Pictures and files: recognized by their bytes, forwarded unchanged, never downloaded by the server."""

import base64
import io
import random
from typing import Any

import pytest
from PIL import Image

from server.standin.server import Standin
from tests.pictures import PICTURES
from tests.whole.bridge import Bridge, conversation_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

PDF = base64.b64encode(b"%PDF-1.7 123").decode()


def b64(kind: str) -> str:
    return base64.b64encode(PICTURES[kind]).decode()


def blocks(standin: Standin) -> list[dict[str, Any]]:
    """The blocks of the question."""
    spoken = [message for message in standin.requests[-1].body["messages"] if message["role"] == "user"]  # type: ignore[attr-defined]
    content = spoken[-1]["content"]
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in content]


async def test_talons_exact_request(bridge: Bridge, standin: Standin) -> None:
    """C-Loftus/talon-ai-tools, lib/modelHelpers.py: the system message in parts, and a picture without its type."""
    body = {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "You write what is asked."}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Describe the picture"},
                    {"type": "image_url", "image_url": {"url": f"data:image/;base64,{b64('image/png')}"}},
                ],
            },
        ],
        "max_tokens": 2024,
        "n": 1,
        "model": "gpt-4o-mini",
    }
    headers = {"Authorization": "Bearer sk-anything", "User-Agent": "python-requests/2.32"}
    reply = await bridge.post(body, headers=headers)
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"].strip()
    assert blocks(standin) == [
        {"type": "text", "text": "Describe the picture"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64("image/png")}},
    ]
    assert standin.requests[-1].body["max_tokens"] == 2024


PARTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(kind)}"}},
            {"type": "image", "source": {"type": "base64", "media_type": kind, "data": b64(kind)}},
        )
        for kind in PICTURES
    ),
    (
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        },
    ),
    (
        {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,aGVsbG8="}},
        {
            "type": "document",
            "title": "a.txt",
            "source": {"type": "text", "media_type": "text/plain", "data": "hello"},
        },
    ),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64("image/png")}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64("image/png")}},
    ),
]


async def test_every_spelling_in_the_question_and_in_the_history(bridge: Bridge, standin: Standin) -> None:
    for part, arrived in PARTS:
        question = {"role": "user", "content": [{"type": "text", "text": "Look"}, part]}
        reply = await bridge.post({"messages": [question]})
        assert reply.status_code == 200, reply.text
        assert blocks(standin) == [{"type": "text", "text": "Look"}, arrived]
        history = [
            question,
            {"role": "assistant", "content": "I see something else."},
            {"role": "user", "content": "And?"},
        ]
        reply = await bridge.post({"messages": history})
        assert reply.status_code == 200, reply.text
        assert arrived in standin.requests[-1].body["messages"][0]["content"]  # type: ignore[index]


async def test_what_cannot_be_passed_on_is_refused_by_its_place(bridge: Bridge, standin: Standin) -> None:
    # Its data ends early, so that it cannot be made smaller.
    large = base64.b64encode(PICTURES["image/png"][:40] + bytes(4 * 1024 * 1024)).decode()
    for url in (
        "http://example.org/a.png",
        "https://127.0.0.1/a.png",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "data:image/png;base64,!!!",
        "data:image/png;base64,aGVsbG8=",
        "data:image/png;base64,iVBORw0KGgo=",
        f"data:image/png;base64,{large}",
    ):
        part = {"type": "image_url", "image_url": {"url": url}}
        reply = await bridge.post({"messages": [{"role": "user", "content": ["Look", part]}]})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[0].content[1].image_url"), url
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    system = {"role": "system", "content": [picture]}
    reply = await bridge.post({"messages": [system, {"role": "user", "content": "b"}]})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[0].content[0]")
    assert standin.requests == []


async def test_a_picture_in_an_answer_of_the_history_is_left_out_and_named(bridge: Bridge, standin: Standin) -> None:
    """Refused, it would end the conversation for good."""
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    answer = {"role": "assistant", "content": [{"type": "text", "text": "Drawn"}, picture]}
    question = {"role": "user", "content": "a"}
    reply = await bridge.post({"messages": [question, answer, {"role": "user", "content": "b"}]})
    assert reply.status_code == 200, reply.text
    assert "messages[1].content[1]" in reply.headers["x-drawbridge-ignored"]
    assert conversation_of(standin.requests[-1].body) == [("user", "a"), ("assistant", "Drawn"), ("user", "b")]


async def test_a_large_photograph_is_made_smaller_and_the_conversation_goes_on(
    bridge: Bridge, standin: Standin
) -> None:
    noise = Image.frombytes("RGB", (1250, 1250), random.Random(1).randbytes(1250 * 1250 * 3))
    content = io.BytesIO()
    noise.save(content, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    assert len(url) > 5 * 1024 * 1024
    question = {"role": "user", "content": ["Look", {"type": "image_url", "image_url": {"url": url}}]}
    reply = await bridge.post({"messages": [question]})
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-drawbridge-ignored"] == "messages[0].content[1].image_url (shrunk)"
    source = blocks(standin)[1]["source"]
    arrived = Image.open(io.BytesIO(base64.b64decode(source["data"])))
    assert (source["media_type"], arrived.format, arrived.size) == ("image/jpeg", "JPEG", (1250, 1250))
    answer = reply.json()["choices"][0]["message"]
    reply = await bridge.post({"messages": [question, answer, {"role": "user", "content": "And?"}]})
    assert (reply.status_code, reply.headers["x-drawbridge-way"]) == (200, "continued")
