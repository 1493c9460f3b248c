"""Examples of Chat Completions requests, for /docs and /openapi.json."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.dialects.chat_completions.request_types import ChatRequest
from server.web.openapi.request_schemas import request_body

_MODEL = "sonnet"
_QUESTION = [{"role": "user", "content": "Say hello in French."}]
_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place, now.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
_CALL = {
    "id": "toolu_01A2b3C4d5",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"place": "Paris"}'},
}
_PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
_PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _example(summary: str, **fields: object) -> dict[str, Any]:
    return {"summary": summary, "value": {"model": _MODEL, **fields}}


REQUEST_EXAMPLES: dict[str, Any] = {
    "short": _example("A question", messages=_QUESTION),
    "stream": _example(
        "A stream that ends with the token usage",
        messages=_QUESTION,
        stream=True,
        stream_options={"include_usage": True},
    ),
    "conversation": _example(
        "A conversation with a system message",
        messages=[
            {"role": "system", "content": "You answer in one word."},
            {"role": "user", "content": "The capital of France?"},
            {"role": "assistant", "content": "Paris."},
            {"role": "user", "content": "And of Italy?"},
        ],
        max_completion_tokens=100,
    ),
    "tools": _example(
        "A tool that Claude may call",
        messages=[{"role": "user", "content": "Do I need an umbrella in Paris?"}],
        tools=[_WEATHER],
        tool_choice="auto",
    ),
    "tool result": _example(
        "The result of a call",
        messages=[
            {"role": "user", "content": "Do I need an umbrella in Paris?"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": _CALL["id"], "content": "Rain until tonight."},
        ],
        tools=[_WEATHER],
    ),
    "json_schema": _example(
        "An answer that matches a JSON schema",
        messages=[{"role": "user", "content": "Ada Lovelace was 36."}],
        response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": _PERSON}},
    ),
    "image": _example(
        "An image",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What colour is it?"},
                    {"type": "image_url", "image_url": {"url": _PIXEL}},
                ],
            }
        ],
    ),
    "several": _example("Three answers", messages=_QUESTION, n=3, stop=["!"], reasoning_effort="low"),
}

CHAT_EXTRA = request_body(ChatRequest, REQUEST_EXAMPLES)
