"""Reads responses as their clients do."""

import json
from collections.abc import Sequence
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from server.conversation.request import ModelRequest
from server.dialects.registry import DIALECTS, dialect_for
from tests.server.dialects.answers import Answer
from tests.server.dialects.bodies import Body
from tests.server.dialects.conformance import Frame, Kit, sse_frames
from tests.server.dialects.conversations import Conversation
from tests.server.dialects.openai_api import published

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
_PUBLISHED_EVENT = published("ResponseStreamEvent")
_PUBLISHED_RESPONSE = published("Response")
_ENDS = {"response.completed", "response.incomplete"}


def strict_event(event: dict[str, Any]) -> Any:
    """The event as OpenAI's own type, after a check against both its type and its published schema."""
    _PUBLISHED_EVENT(event)
    return EVENT.validate_python(event, strict=True)


def strict_response(body: dict[str, Any]) -> Response:
    """The response as OpenAI's own type, after a check against both its type and its published schema."""
    _PUBLISHED_RESPONSE(body)
    return Response.model_validate(body, strict=True)


class ResponsesKit(Kit):
    """The kit of the Responses API."""

    dialect = dialect_for("/v1/responses", DIALECTS)

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        # The chat path leaves out references; here they are resolved, or refused.
        return [
            (body, expected)
            for body, expected in super().bodies(conversation)
            if not any(isinstance(item, dict) and item.get("type") == "item_reference" for item in body["input"])
        ]

    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        return {"input": "Hi", "stream": is_streamed, "reasoning": {"summary": "auto"}}

    def frames(self, stream: bytes) -> list[Frame]:
        frames = sse_frames(stream)
        for number, frame in enumerate(frames):
            assert frame.json["sequence_number"] == number
            assert frame.json["type"] == frame.event
            strict_event(frame.json)
        return frames

    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        events = [frame.json for frame in frames]
        response = events[-1]["response"]
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        opened = [event["item"] for event in events if event["type"] == "response.output_item.added"]
        assert [item["id"] for item in opened] == [item["id"] for item in response["output"]]
        assert done == [item for item in response["output"] if item in done]
        read = self.read_whole(response)
        assert read.text == "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        return read

    def read_whole(self, body: Any) -> Answer:
        response = strict_response(body)
        calls = [item for item in response.output if item.type == "function_call"]
        summaries = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
        usage = response.usage
        return Answer(
            text=response.output_text,
            reasoning="".join(summaries),
            calls=tuple((call.call_id, call.name, json.loads(call.arguments)) for call in calls),
            finish=response.incomplete_details.reason if response.incomplete_details else response.status,
            tokens=(usage.input_tokens, usage.output_tokens) if usage else None,
        )

    def is_end(self, frame: Frame) -> bool:
        return frame.event in _ENDS

    def error_message(self, body: Any) -> str | None:
        if body.get("type") == "response.failed":
            error = body["response"]["error"]
            assert set(error) == {"code", "message"}
            return str(error["message"])
        if "error" not in body or "output" in body or "type" in body:
            return None
        assert set(body) == {"error"}
        assert {"message", "type", "param", "code"} <= set(body["error"])
        return str(body["error"]["message"])


KIT = ResponsesKit()
