"""What a chat request may hold, with worked examples: for /docs and /openapi.json."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

_MODEL = "sonnet"
_ASK = [{"role": "user", "content": "Say hello in French."}]
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
    "short": _example("A question", messages=_ASK),
    "stream": _example(
        "Streamed, with the tokens counted at the end",
        messages=_ASK,
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
        "With a tool that Claude may call",
        messages=[{"role": "user", "content": "Do I need an umbrella in Paris?"}],
        tools=[_WEATHER],
        tool_choice="auto",
    ),
    "tool result": _example(
        "The tool's result, sent back",
        messages=[
            {"role": "user", "content": "Do I need an umbrella in Paris?"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": _CALL["id"], "content": "Rain until tonight."},
        ],
        tools=[_WEATHER],
    ),
    "form": _example(
        "An answer in a form of your own",
        messages=[{"role": "user", "content": "Ada Lovelace was 36."}],
        response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": _PERSON}},
    ),
    "picture": _example(
        "A picture",
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
    "several": _example("Three answers to choose from", messages=_ASK, n=3, stop=["!"], reasoning_effort="low"),
}

_TEXT_OR_PARTS: dict[str, Any] = {
    "oneOf": [
        {"type": "string"},
        {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": {"type": "string"},
                    "text": {"type": "string"},
                    "image_url": {"type": "object", "properties": {"url": {"type": "string"}}},
                    "file": {"type": "object"},
                },
            },
        },
        {"type": "null"},
    ]
}
_MESSAGE: dict[str, Any] = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool", "function"]},
        "content": _TEXT_OR_PARTS,
        "tool_calls": {"type": "array", "items": {"type": "object"}, "description": "The assistant's, as they came."},
        "tool_call_id": {"type": "string", "description": "Whose result a message with the role 'tool' is."},
        "name": {"type": "string"},
    },
}
REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "model": {"type": "string", "description": "An id of /v1/models. Left out: the server's default model."},
        "messages": {"type": "array", "items": _MESSAGE, "description": "The conversation; the last is the user's."},
        "stream": {"type": "boolean", "default": False},
        "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
        "max_completion_tokens": {"type": "integer", "minimum": 1, "description": "The longest answer, in tokens."},
        "max_tokens": {"type": "integer", "minimum": 1, "description": "The older name of the same."},
        "stop": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "n": {"type": "integer", "minimum": 1, "maximum": 8, "description": "How many answers."},
        "tools": {"type": "array", "items": {"type": "object"}, "description": "What Claude may call."},
        "tool_choice": {"description": "auto, none, required, or the name of one tool in OpenAI's form."},
        "parallel_tool_calls": {"type": "boolean", "default": True},
        "response_format": {"type": "object", "description": "text, json_object, or json_schema with its schema."},
        "reasoning_effort": {
            "type": "string",
            "enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        },
        "temperature": {"type": "number", "description": "Without effect unless the server forwards it."},
        "top_p": {"type": "number", "description": "Without effect unless the server forwards it."},
    },
}
CHAT_EXTRA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": REQUEST_SCHEMA, "examples": REQUEST_EXAMPLES}},
    }
}
