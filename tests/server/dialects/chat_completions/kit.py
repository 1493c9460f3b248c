"""Reads chat completions as their clients do."""

import json
from collections.abc import Sequence
from typing import Any

from server.conversation.request import ModelRequest
from server.dialects.detect import detect_format
from server.dialects.registry import DIALECTS
from tests.server.dialects.answers import Answer
from tests.server.dialects.bodies import Body
from tests.server.dialects.conformance import Frame, Kit, sse_frames
from tests.server.dialects.conversations import Conversation

# The one frame that is not JSON.
_DONE = Frame(None, "[DONE]")


class ChatKit(Kit):
    """The kit of the chat path, which also accepts the bodies of two other dialects."""

    dialect = DIALECTS[0]

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        formats = {"chat": "chat_completions", "responses": "responses", "messages": "messages"}
        return [
            (body, conversation.expected_in(name))
            for name, body in conversation.bodies.items()
            if formats[detect_format(body)] == name
        ]

    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        messages = [{"role": "user", "content": "Hi"}]
        return {"messages": messages, "stream": is_streamed, "stream_options": {"include_usage": True}}

    def frames(self, stream: bytes) -> list[Frame]:
        return sse_frames(stream)

    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        chunks = [frame.json for frame in frames if not self.is_end(frame)]
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": []}
        for choice in choices:
            delta = choice["delta"]
            message["content"] += delta.get("content", "")
            message["reasoning_content"] += delta.get("reasoning_content", "")
            for call in delta.get("tool_calls", ()):
                if call["index"] == len(message["tool_calls"]):
                    message["tool_calls"].append(call)
                else:
                    message["tool_calls"][call["index"]]["function"]["arguments"] += call["function"]["arguments"]
        return _read(message, choices[-1]["finish_reason"], chunks[-1]["usage"])

    def read_whole(self, body: Any) -> Answer:
        choice = body["choices"][0]
        return _read(choice["message"], choice["finish_reason"], body["usage"])

    def is_end(self, frame: Frame) -> bool:
        return frame == _DONE

    def error_message(self, body: Any) -> str | None:
        if not isinstance(body, dict) or "error" not in body:
            return None
        assert set(body) == {"error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
        return str(body["error"]["message"])


def _read(message: Any, finish: str | None, usage: Any) -> Answer:
    return Answer(
        text=message["content"] or "",
        reasoning=message.get("reasoning_content", ""),
        calls=tuple(
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls", ())
        ),
        finish=finish,
        tokens=(usage["prompt_tokens"], usage["completion_tokens"]),
    )


KIT = ChatKit()
