"""What /docs shows of the Responses API."""

import json
from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.dialects.responses.request_types import ResponsesRequest
from server.errors import NotFound
from server.web.openapi.error_examples import ACCESS, RESPONSES, Responses, error_responses
from server.web.openapi.examples import json_response
from server.web.openapi.request_schemas import request_body

STORED_ID = "resp_7c1f0b9a4e5d4c3b8a19f0e2"
_MODEL = "sonnet"
_ID = "msg_7c1f0b9a4e5d4c3b8a19f0e200"
_WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather at a place, now.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
_PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def _example(summary: str, **fields: object) -> dict[str, Any]:
    return {"summary": summary, "value": {"model": _MODEL, **fields}}


RESPONSES_EXAMPLES: dict[str, Any] = {
    "short": _example("A question", instructions="You answer in one word.", input="The capital of France?"),
    "stream": _example(
        "A stream, with summaries of the thinking", input="Hi", stream=True, reasoning={"summary": "auto"}
    ),
    "tools": _example("A tool that Claude may call", input="Do I need an umbrella in Paris?", tools=[_WEATHER]),
    "result": _example(
        "The result of a call",
        input=[
            {"role": "user", "content": "Do I need an umbrella in Paris?"},
            {"type": "function_call", "call_id": "toolu_01A", "name": "get_weather", "arguments": '{"place": "Paris"}'},
            {"type": "function_call_output", "call_id": "toolu_01A", "output": "Rain until tonight."},
        ],
        tools=[_WEATHER],
        store=False,
    ),
    "json_schema": _example(
        "An answer that matches a JSON schema",
        input="Ada Lovelace was 36.",
        text={"format": {"type": "json_schema", "name": "person", "strict": True, "schema": _PERSON}},
    ),
}
_RESPONSE: dict[str, Any] = {
    "id": STORED_ID,
    "object": "response",
    "created_at": 1795219200,
    "completed_at": 1795219202,
    "status": "completed",
    "model": _MODEL,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "output": [
        {
            "id": _ID,
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Bonjour!"}],
        }
    ],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "store": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "usage": {
        "input_tokens": 21,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 30,
    },
}
_STEPS: tuple[dict[str, Any], ...] = (
    {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        "item_id": _ID,
        "output_index": 0,
        "content_index": 0,
        "logprobs": [],
        "delta": "Bonjour!",
    },
    {"type": "response.completed", "sequence_number": 8, "response": _RESPONSE},
)
_STREAM = "".join(f"event: {step['type']}\ndata: {json.dumps(step)}\n\n" for step in _STEPS)

RESPONSES_OPERATION: dict[str, Any] = {
    "name": "create_response",
    "summary": "Answer items",
    "tags": ["Responses"],
    "description": "Answers a conversation of items. The response is stored for `previous_response_id` unless `store`"
    " is false.",
    "openapi_extra": request_body(ResponsesRequest, RESPONSES_EXAMPLES),
    "responses": {
        200: {
            "description": "The response, whole or as a stream; the example shows two of its events",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": _RESPONSE},
                "text/event-stream": {"schema": {"type": "string"}, "example": _STREAM},
            },
        },
        **error_responses(RESPONSES),
    },
}
COMPACT_OPERATION: dict[str, Any] = {
    "name": "compact_response",
    "summary": "Compact a conversation",
    "tags": ["Responses"],
    "description": "Has Claude summarize a conversation. Send the output as input in place of what it summarizes.",
    "openapi_extra": request_body(ResponsesRequest, {"result": RESPONSES_EXAMPLES["result"]}),
    "responses": {
        200: {
            "description": "One compaction item",
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {
                        "id": STORED_ID,
                        "object": "response.compaction",
                        "created_at": 1795219200,
                        "output": [
                            {
                                "id": "cmp_7c1f0b9a4e5d4c3b8a19f0e200",
                                "type": "compaction",
                                "encrypted_content": "AY3x...",
                            }
                        ],
                        "usage": _RESPONSE["usage"],
                    },
                }
            },
        },
        **error_responses(RESPONSES),
    },
}
INPUT_TOKENS_OPERATION: dict[str, Any] = {
    "summary": "Estimate the input tokens of items",
    "tags": ["Responses"],
    "openapi_extra": request_body(ResponsesRequest, {"short": RESPONSES_EXAMPLES["short"]}),
    "responses": {
        200: {
            "description": "The estimate",
            "headers": {"x-drawbridge-count": {"schema": {"type": "string"}, "description": "estimate"}},
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"object": "response.input_tokens", "input_tokens": 14},
                }
            },
        },
        **error_responses(RESPONSES),
    },
}

_MISSING = (*ACCESS, NotFound(f"There is no stored response '{STORED_ID}'.", hint="Responses are kept for a day."))
_ITEM = {
    "id": "msg_5b1e7c0d4e5d4c3b8a19f0e200",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_text", "text": "The capital of France?"}],
}
STORED: Responses = {200: json_response("The response", _RESPONSE), **error_responses(_MISSING)}
STORED_ITEMS: Responses = {
    200: json_response(
        "The items of the input, the newest first",
        {"object": "list", "data": [_ITEM], "first_id": _ITEM["id"], "last_id": _ITEM["id"], "has_more": False},
    ),
    **error_responses(_MISSING),
}
DELETED: Responses = {
    200: json_response("It is deleted", {"id": STORED_ID, "object": "response", "deleted": True}),
    **error_responses(_MISSING),
}
