"""Reads messages as Anthropic's own library does: every event and message must be valid by its types."""

import json
from collections.abc import Sequence
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from pydantic import BaseModel, TypeAdapter

from server.conversation.request import ModelRequest
from server.dialects.registry import DIALECTS
from tests.server.dialects.answers import Answer
from tests.server.dialects.bodies import Body
from tests.server.dialects.conformance import Frame, Kit, sse_frames
from tests.server.dialects.conversations import Conversation

_PING = {"type": "ping"}
_EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


class MessagesKit(Kit):
    """The kit of Anthropic's own path."""

    dialect = next(dialect for dialect in DIALECTS if dialect.name == "messages")

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        """Without those with a tool that Anthropic runs, which only the chat path takes."""
        bodies = super().bodies(conversation)
        return [
            pair
            for pair in bodies
            if not any(tool.get("type", "").startswith("web_search") for tool in _tools(pair[0]))
        ]

    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        messages = [{"role": "user", "content": "Hi"}]
        thinking = {"type": "adaptive"}
        return {"model": "opus", "max_tokens": 9000, "messages": messages, "stream": is_streamed, "thinking": thinking}

    def frames(self, stream: bytes) -> list[Frame]:
        frames = sse_frames(stream)
        for frame in frames:
            assert frame.event == frame.json["type"]
            if frame.event not in {"ping", "error"}:
                assert_known(frame.json, _EVENTS.validate_python(frame.json, strict=True))
        return frames

    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        events = [frame.json for frame in frames if frame.json != _PING]
        start, end = events[0], events[-1]
        assert (start["type"], end["type"]) == ("message_start", "message_stop")
        message = start["message"]
        for event in events[1:-1]:
            _apply(event, message)
        return self.read_whole(message)

    def read_whole(self, body: Any) -> Answer:
        assert_known(body, Message.model_validate(body, strict=True))
        blocks, usage = body["content"], body["usage"]
        prompt = usage["input_tokens"] + usage["cache_creation_input_tokens"] + usage["cache_read_input_tokens"]
        return Answer(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            reasoning="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
            calls=tuple(
                (block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"
            ),
            finish=body["stop_reason"],
            tokens=(prompt, usage["output_tokens"]),
        )

    def is_end(self, frame: Frame) -> bool:
        return frame.event == "message_stop"

    def error_message(self, body: Any) -> str | None:
        if body.get("type") != "error":
            return None
        assert set(body) == {"type", "error", "request_id"}
        assert set(body["error"]) == {"type", "message"}
        return str(body["error"]["message"])


def _tools(body: Body) -> list[dict[str, Any]]:
    return [tool for tool in body.get("tools") or () if isinstance(tool, dict)]


def assert_known(sent: Any, parsed: Any) -> None:
    """Each field that was sent is one of the library's types: unlike the library, an unknown one fails here."""
    if isinstance(parsed, BaseModel):
        unknown = set(sent) - set(type(parsed).model_fields)
        assert not unknown, (type(parsed).__name__, unknown)
        for name in sent:
            assert_known(sent[name], getattr(parsed, name))
    elif isinstance(parsed, list):
        for inner, found in zip(sent, parsed, strict=True):
            assert_known(inner, found)


def _apply(event: Any, message: Any) -> None:
    """What an event adds to a message."""
    match event["type"]:
        case "content_block_start":
            assert event["index"] == len(message["content"])
            message["content"].append({**event["content_block"], "json": ""})
        case "content_block_delta":
            block, delta = message["content"][event["index"]], event["delta"]
            name = {"input_json_delta": "json", "text_delta": "text", "thinking_delta": "thinking"}.get(delta["type"])
            if name is None:
                block["signature"] = delta["signature"]
            else:
                block[name] += delta["partial_json" if name == "json" else name]
        case "content_block_stop":
            block = message["content"][event["index"]]
            text = block.pop("json")
            if block["type"] == "tool_use":
                block["input"] = json.loads(text)
        case "message_delta":
            message |= event["delta"]
            message["usage"] |= event["usage"]
        case kind:
            raise AssertionError(kind)


KIT = MessagesKit()
