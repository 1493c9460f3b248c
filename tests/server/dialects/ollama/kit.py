"""Reads Ollama's chat as its clients do, and writes the shared chat bodies in its form."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from server.conversation.request import ModelRequest
from server.dialects.base import Dialect
from server.dialects.registry import DIALECTS
from tests.server.dialects.answers import Answer
from tests.server.dialects.bodies import Body
from tests.server.dialects.conformance import Frame, Kit, ndjson_frames
from tests.server.dialects.conversations import Conversation

# Chat's fields that are options in Ollama.
_OPTIONS = {
    "max_completion_tokens": "num_predict",
    "max_tokens": "num_predict",
    "stop": "stop",
    "temperature": "temperature",
    "top_p": "top_p",
}
_SAME = frozenset({"messages", "model", "stream", "tools", "tool_choice", "reasoning_effort", "reasoning", "thinking"})
_PLACES = {
    "response_format.json_schema.schema": "format",
    "temperature": "options.temperature",
    "top_p": "options.top_p",
    "stop": "options.stop",
    "max_tokens": "options.num_predict",
}


def dialect_named(name: str) -> Dialect:
    return next(dialect for dialect in DIALECTS if dialect.name == name)


def in_ollamas_form(chat: Body) -> dict[str, Any] | None:
    """The chat body as one of Ollama; None if it has something that Ollama's API has no field for."""
    body = dict(chat)
    options = {_OPTIONS[name]: body.pop(name) for name in list(body) if name in _OPTIONS}
    if "response_format" in body:
        wanted = body.pop("response_format")
        nested = wanted.get("json_schema", {}) if isinstance(wanted, dict) else {}
        if not isinstance(nested, dict) or "schema" not in nested:
            return None
        body["format"] = nested["schema"]
    if set(body) - _SAME:
        return None
    return {**body, "options": options} if options else body


def place_in_ollama(place: str) -> str:
    """The place of a chat body in Ollama's form of it."""
    for ours, theirs in _PLACES.items():
        if place == ours or place.startswith(f"{ours}."):
            return theirs + place.removeprefix(ours)
    return place


class OllamaKit(Kit):
    dialect = dialect_named("ollama")

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        if "chat_completions" not in conversation.bodies:
            return []
        body = in_ollamas_form(conversation.bodies["chat_completions"])
        expected = conversation.expected_in("chat_completions")
        ignored = tuple(place_in_ollama(place) for place in expected.ignored)
        return [] if body is None else [(body, replace(expected, ignored=ignored))]

    def refusal(self, cases: Any) -> tuple[Body, str] | None:
        chat, place = cases["chat_completions"]
        body = in_ollamas_form(chat)
        # Without messages, and with a limit of 0, a request means something else in Ollama.
        if body is None or not body.get("messages") or body.get("options") == {"num_predict": 0}:
            return None
        return body, place_in_ollama(place)

    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        return {"model": "sonnet", "messages": [{"role": "user", "content": "Hi"}], "stream": is_streamed}

    def frames(self, stream: bytes) -> list[Frame]:
        return ndjson_frames(stream)

    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        lines = [frame.json for frame in frames]
        messages = [line["message"] for line in lines]
        assert {message["role"] for message in messages} == {"assistant"}
        assert len({(line["model"], line["created_at"]) for line in lines}) == 1
        message = {
            "content": "".join(message["content"] for message in messages),
            "thinking": "".join(message.get("thinking", "") for message in messages),
            "tool_calls": [call for message in messages for call in message.get("tool_calls", ())],
        }
        return self.read_whole({**lines[-1], "message": message})

    def read_whole(self, body: Any) -> Answer:
        message = body["message"]
        assert body["done"] is True
        calls = message.get("tool_calls", [])
        assert [call["function"]["index"] for call in calls] == list(range(len(calls)))
        return Answer(
            text=message["content"],
            reasoning=message.get("thinking", ""),
            calls=tuple((call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls),
            finish=body["done_reason"],
            tokens=(body["prompt_eval_count"], body["eval_count"]),
        )

    def is_end(self, frame: Frame) -> bool:
        return frame.json.get("done") is True

    def error_message(self, body: Any) -> str | None:
        if "error" not in body:
            return None
        assert set(body) == {"error"}
        assert isinstance(body["error"], str)
        return str(body["error"])


KIT = OllamaKit()
