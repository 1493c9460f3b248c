"""Worked examples of every endpoint, for /docs and /openapi.json."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.web.openapi.error_examples import CHAT, DOORS, ENGINE, MODEL, Responses, error_responses

_CHAT_ID = "chatcmpl-7c1f0b9a4e5d4c3b8a19f0e2"
_CREATED = 1795219200
_MODEL = "sonnet"


def _json(description: str, example: object) -> dict[str, Any]:
    schema = {"type": "object"}
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


_USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 9,
    "total_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 0},
}
_COMPLETION = {
    "id": _CHAT_ID,
    "object": "chat.completion",
    "created": _CREATED,
    "model": _MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Bonjour! Comment allez-vous?", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": _USAGE,
}
_CHUNK = f'{{"id":"{_CHAT_ID}","object":"chat.completion.chunk","created":{_CREATED},"model":"{_MODEL}","choices":['
_STREAM = (
    ": drawbridge\n\n"
    f'data: {_CHUNK}{{"index":0,"delta":{{"role":"assistant","content":""}},"finish_reason":null}}]}}\n\n'
    f'data: {_CHUNK}{{"index":0,"delta":{{"content":"Bonjour!"}},"finish_reason":null}}]}}\n\n'
    f'data: {_CHUNK}{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
    "data: [DONE]\n\n"
)
CHAT_RESPONSES: Responses = {
    200: {
        "description": "The answer, whole or streamed",
        "headers": {
            "x-request-id": {"schema": {"type": "string"}, "description": "The id of this request in the log."},
            "x-drawbridge-model": {"schema": {"type": "string"}, "description": "The model that really answered."},
            "x-drawbridge-way": {"schema": {"type": "string"}, "description": "How the request found its process."},
            "x-drawbridge-ignored": {"schema": {"type": "string"}, "description": "Fields that had no effect."},
            "x-drawbridge-cost-usd": {
                "schema": {"type": "string"},
                "description": "Cost by list price; whole answers.",
            },
        },
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": _COMPLETION},
            "text/event-stream": {"schema": {"type": "string"}, "example": _STREAM},
        },
    },
    **error_responses(CHAT),
}

_ROW = {
    "id": "sonnet",
    "object": "model",
    "created": _CREATED,
    "owned_by": "anthropic",
    "name": "Sonnet",
    "context_length": 200000,
}
MODELS_RESPONSES: Responses = {
    200: _json("The models", {"object": "list", "data": [_ROW]}),
    **error_responses((*DOORS, *ENGINE)),
}
MODEL_RESPONSES: Responses = {200: _json("The model", _ROW), **error_responses(MODEL)}

_ACCOUNT = {
    "signed_in": True,
    "payer": "plan",
    "detail": "Claude Max",
    "method": "claude.ai",
    "provider": "firstParty",
    "email": "someone@example.org",
    "organization": None,
    "subscription": "max",
}
_POOL = {
    "size": 3,
    "ready": 2,
    "raw": 2,
    "booting": 0,
    "answering": 1,
    "parked": 0,
    "waiting": 0,
    "trouble": None,
    "ways": {"process": 12},
}
_HEALTH = {
    "status": "ok",
    "version": "0.1.0",
    "state": "running",
    "demo": False,
    "model": _MODEL,
    "base_url": "http://127.0.0.1:8082/v1",
    "key_required": False,
    "uptime_s": 3600.5,
    "trouble": None,
    "cli": {"path": "/usr/local/bin/claude", "version": "2.1.0"},
    "account": _ACCOUNT,
    "usage": [{"name": "5 hours", "used": 0.42, "resets_at": 2000000000, "is_reached": False}],
    "pool": _POOL,
}
HEALTH_RESPONSES: Responses = {
    200: _json("It answers. Without a required key: only status and version", _HEALTH),
    **error_responses(DOORS[1:]),
}
AUTH_RESPONSES: Responses = {200: _json("Who is signed in and who pays", _ACCOUNT), **error_responses(DOORS)}
VERSION_RESPONSES: Responses = {200: _json("The version", {"name": "Drawbridge", "version": "0.1.0"})}
ROOT_RESPONSES: Responses = {
    200: _json(
        "What this is; a browser gets a page",
        {
            "name": "Drawbridge",
            "version": "0.1.0",
            "state": "running",
            "base_url": "http://127.0.0.1:8082/v1",
            "docs": "/docs",
            "health": "/health",
            "key_required": False,
        },
    ),
    **error_responses(DOORS[1:]),
}
