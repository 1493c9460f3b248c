"""What /docs shows of Ollama's API."""

import json
from collections.abc import Mapping
from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.conversation.models import ModelCard
from server.dialects.ollama import models
from server.dialects.ollama.request_types import OllamaChatRequest, OllamaGenerateRequest
from server.web.openapi.error_examples import Responses
from server.web.openapi.examples import json_response
from server.web.openapi.request_schemas import request_body

_CREATED = 1795219200
_SONNET = ModelCard("sonnet", "claude-sonnet-4-5", "Sonnet")
_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_COUNTS = {
    "total_duration": 1900000000,
    "load_duration": 4000000,
    "prompt_eval_count": 21,
    "prompt_eval_duration": 900000000,
    "eval_count": 9,
    "eval_duration": 996000000,
}
_ERRORS: Responses = {
    400: json_response("The request is invalid", {"error": "options.num_predict must be an integer."}),
    401: json_response("The access key is missing or wrong", {"error": "This server requires an access key."}),
    429: json_response("Claude limits requests", {"error": "Claude is limiting requests: slow down"}),
    503: json_response("No answer is possible now", {"error": "Claude's API failed: Overloaded"}),
}
_UNKNOWN: Responses = {404: json_response("There is no such model", {"error": "model 'llama3' not found"})}


def _line(fields: Mapping[str, object], *, is_last: bool) -> dict[str, object]:
    line = {"model": "sonnet", "created_at": "2026-11-20T13:20:00.000000Z", **fields, "done": is_last}
    return {**line, "done_reason": "stop", **_COUNTS} if is_last else line


def _answers(first: Mapping[str, object], last: Mapping[str, object]) -> Responses:
    lines = "".join(f"{json.dumps(_line(fields, is_last=fields is last))}\n" for fields in (first, last))
    return {
        200: {
            "description": "The answer, as a stream of lines or whole",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": _line(first, is_last=True)},
                "application/x-ndjson": {"schema": {"type": "string"}, "example": lines},
            },
        },
        **_ERRORS,
    }


def _example(summary: str, **fields: object) -> dict[str, Any]:
    return {"summary": summary, "value": {"model": "sonnet", **fields}}


_HELLO = [{"role": "user", "content": "Say hello in French."}]
OLLAMA_CHAT: dict[str, Any] = {
    "name": "create_ollama_chat",
    "summary": "Answer a conversation, as Ollama does",
    "tags": ["Ollama"],
    "description": "Answers a conversation as lines of JSON, or with `stream: false` whole.",
    "openapi_extra": request_body(
        OllamaChatRequest,
        {
            "short": _example("A question", messages=_HELLO),
            "whole": _example("A whole answer", messages=_HELLO, stream=False, options={"num_predict": 100}),
            "format": _example("An answer that matches a JSON schema", messages=_HELLO, format=_CITY),
            "load": _example("Load the model, which costs nothing"),
        },
    ),
    "responses": _answers(
        {"message": {"role": "assistant", "content": "Bonjour!"}}, {"message": {"role": "assistant", "content": ""}}
    ),
}
OLLAMA_GENERATE: dict[str, Any] = {
    "name": "create_ollama_completion",
    "summary": "Answer a prompt, as Ollama does",
    "tags": ["Ollama"],
    "description": "Answers one prompt as lines of JSON, or with `stream: false` whole.",
    "openapi_extra": request_body(
        OllamaGenerateRequest,
        {
            "short": _example("A prompt", prompt="Say hello in French."),
            "gap": _example("The text of a gap", prompt="def add(a, b):\n    ", suffix="\n\nprint(add(1, 2))"),
        },
    ),
    "responses": _answers({"response": "Bonjour!"}, {"response": ""}),
}

NAMES_A_MODEL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"model": {"type": "string"}}, "required": ["model"]},
                "examples": {"sonnet": {"summary": "A model", "value": {"model": "sonnet"}}},
            }
        },
    }
}
VERSION: Responses = {200: json_response("The version", {"version": models.VERSION})}
TAGS: Responses = {200: json_response("The models", models.tags([_SONNET], created=_CREATED)), 401: _ERRORS[401]}
RUNNING: Responses = {
    200: json_response("The models", models.running([_SONNET], created=_CREATED, until=_CREATED + 300)),
    401: _ERRORS[401],
}
SHOW: Responses = {
    200: json_response("The model", models.description(_SONNET, created=_CREATED)),
    401: _ERRORS[401],
    **_UNKNOWN,
}
_PULLED = {"status": "success"}
PULL: Responses = {
    200: {
        "description": "It is there, as a stream of lines or with `stream: false` whole",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": _PULLED},
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": f"{json.dumps({'status': 'pulling manifest'})}\n{json.dumps(_PULLED)}\n",
            },
        },
    },
    401: _ERRORS[401],
    **_UNKNOWN,
}
