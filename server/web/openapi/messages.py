"""Examples of the Messages API, for /docs and /openapi.json."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.dialects.messages.errors import error_reply
from server.dialects.messages.request_types import MessagesRequest
from server.web.openapi.error_examples import CHAT, Responses, error_responses
from server.web.openapi.request_schemas import request_body

_ID = "msg_7c1f0b9a4e5d4c3b8a19f0e2"
_MODEL = "claude-sonnet-5"
_QUESTION = [{"role": "user", "content": "Say hello in French."}]
_WEATHER = {
    "name": "get_weather",
    "description": "The weather at a place, now.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
_CALL = {"type": "tool_use", "id": "toolu_01A2b3C4d5", "name": "get_weather", "input": {"place": "Paris"}}
_RESULT = {"type": "tool_result", "tool_use_id": _CALL["id"], "content": "Rain until tonight."}
_UMBRELLA = {"role": "user", "content": "Do I need an umbrella in Paris?"}


def _example(summary: str, **fields: object) -> dict[str, Any]:
    return {"summary": summary, "value": {"model": "sonnet", "max_tokens": 1024, **fields}}


_EXAMPLES: dict[str, Any] = {
    "short": _example("A question", messages=_QUESTION),
    "stream": _example("A stream, with a system prompt", messages=_QUESTION, system="Be brief.", stream=True),
    "tools": _example("A tool that Claude may call", messages=[_UMBRELLA], tools=[_WEATHER]),
    "tool result": _example(
        "The result of a call",
        messages=[_UMBRELLA, {"role": "assistant", "content": [_CALL]}, {"role": "user", "content": [_RESULT]}],
        tools=[_WEATHER],
    ),
    "thinking": _example("With the thinking shown", messages=_QUESTION, thinking={"type": "adaptive"}),
}
_USAGE = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 9,
    "output_tokens_details": {"thinking_tokens": 0},
}
_MESSAGE = {
    "id": _ID,
    "type": "message",
    "role": "assistant",
    "model": _MODEL,
    "content": [{"type": "text", "text": "Bonjour!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": _USAGE,
}
_STREAM = (
    f'event: message_start\ndata: {{"type":"message_start","message":{{"id":"{_ID}","type":"message", ...}}}}\n\n'
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    '"content_block":{"type":"text","text":""}}\n\n'
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    '"delta":{"type":"text_delta","text":"Bonjour!"}}\n\n'
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    'event: message_delta\ndata: {"type":"message_delta",'
    '"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9, ...}}\n\n'
    'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
        },
        "request_id": {"type": "string", "description": "The id of the request in the log."},
    },
}


def _errors() -> Responses:
    return error_responses(CHAT, lambda error: error_reply(error, "req_7c1f0b9a4e5d4c3b8a19f0e2"), _ERROR_SCHEMA)


MESSAGES: dict[str, Any] = {
    "name": "create_message",
    "summary": "Answer a conversation, in Anthropic's API",
    "tags": ["Messages"],
    "description": "Answers a conversation. With `stream: true` the answer comes as server-sent events.",
    "openapi_extra": request_body(MessagesRequest, _EXAMPLES),
    "responses": {
        200: {
            "description": "The answer, whole or as a stream",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": _MESSAGE},
                "text/event-stream": {"schema": {"type": "string"}, "example": _STREAM},
            },
        },
        **_errors(),
    },
}
COUNT_EXTRA = request_body(MessagesRequest, {"short": _EXAMPLES["short"], "tools": _EXAMPLES["tools"]})
COUNT_RESPONSES: Responses = {
    200: {
        "description": "The estimate",
        "headers": {"x-drawbridge-count": {"schema": {"type": "string"}, "description": "estimate"}},
        "content": {"application/json": {"schema": {"type": "object"}, "example": {"input_tokens": 14}}},
    },
    **_errors(),
}
