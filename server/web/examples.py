"""Worked examples of every endpoint, for /docs and /openapi.json."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

Responses = dict[int | str, dict[str, Any]]

_CHAT_ID = "chatcmpl-7c1f0b9a4e5d4c3b8a19f0e2"
_CREATED = 1795219200
_MODEL = "sonnet"

_ERRORS: dict[int, tuple[str, str, str, str]] = {
    400: (
        "A field is wrong, or the conversation is too long",
        "messages is required.",
        "invalid_request_error",
        "",
    ),
    401: ("The access key is missing or wrong", "This server asks for an access key.", "authentication_error", ""),
    403: (
        "Refused at the door",
        "Web pages of 'https://example.org' may not use this server.",
        "permission_error",
        "door_closed",
    ),
    404: ("No such model", "There is no model 'gpt-9' here.", "invalid_request_error", "model_not_found"),
    413: ("The body is too large", "The body is longer than 32 MB.", "invalid_request_error", "request_too_large"),
    415: (
        "The body is not declared as JSON",
        "The body came as 'text/plain', and this server reads only JSON.",
        "",
        "",
    ),
    429: ("A limit is reached", "Claude's usage limit is reached", "insufficient_quota", "insufficient_quota"),
    500: ("Claude Code failed", "The answer broke off before its end", "server_error", "answer_cut"),
    503: ("Nobody is free", "No Claude process became free in time", "server_error", "queue_timeout"),
    504: ("Claude was silent", "Claude sent nothing for too long", "server_error", "claude_timeout"),
}


def _json(description: str, example: object) -> dict[str, Any]:
    schema = {"type": "object"}
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


def _errors(*statuses: int) -> Responses:
    given: Responses = {}
    for status in statuses:
        description, message, kind, code = _ERRORS[status]
        error = {"message": message, "type": kind or "invalid_request_error", "param": None, "code": code or None}
        given[status] = _json(description, {"error": error})
        given[status]["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/Error"}
    return given


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
_ASK = [{"role": "user", "content": "Say hello in French."}]
_REQUESTS = {
    "short": {"summary": "A question", "value": {"model": _MODEL, "messages": _ASK}},
    "stream": {
        "summary": "Streamed, with the tokens counted at the end",
        "value": {"model": _MODEL, "messages": _ASK, "stream": True, "stream_options": {"include_usage": True}},
    },
    "conversation": {
        "summary": "A conversation with a system message",
        "value": {
            "model": "haiku",
            "messages": [
                {"role": "system", "content": "You answer in one word."},
                {"role": "user", "content": "The capital of France?"},
                {"role": "assistant", "content": "Paris."},
                {"role": "user", "content": "And of Italy?"},
            ],
            "max_tokens": 100,
        },
    },
    "parts": {
        "summary": "A message in parts",
        "value": {
            "model": _MODEL,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Say hello in French."}]}],
        },
    },
}
_MESSAGE = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant"]},
        "content": {
            "oneOf": [
                {"type": "string"},
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["type"],
                        "properties": {"type": {"type": "string"}, "text": {"type": "string"}},
                    },
                },
            ]
        },
    },
}
CHAT_REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "model": {"type": "string", "description": "An id of /v1/models. Left out: the server's default model."},
        "messages": {"type": "array", "items": _MESSAGE, "description": "The conversation; the last is the user's."},
        "stream": {"type": "boolean", "default": False},
        "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
        "max_completion_tokens": {"type": "integer", "description": "The longest answer, in tokens."},
        "max_tokens": {"type": "integer", "description": "The older name of the same."},
        "stop": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "reasoning_effort": {"type": "string"},
    },
}
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string", "description": "What happened, why, and what to do."},
                "type": {"type": "string"},
                "param": {"type": "string", "nullable": True, "description": "The field that is wrong."},
                "code": {"type": "string", "nullable": True},
            },
        }
    },
}

CHAT_EXTRA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": CHAT_REQUEST_SCHEMA, "examples": _REQUESTS}},
    }
}
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
    **_errors(400, 401, 403, 404, 413, 415, 429, 500, 503, 504),
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
    **_errors(401, 403, 503),
}
MODEL_RESPONSES: Responses = {200: _json("The model", _ROW), **_errors(401, 403, 404, 503)}

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
    "pool": _POOL,
}
HEALTH_RESPONSES: Responses = {
    200: _json("It answers. Without a required key: only status and version", _HEALTH),
    **_errors(403),
}
AUTH_RESPONSES: Responses = {200: _json("Who is signed in and who pays", _ACCOUNT), **_errors(401, 403)}
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
    **_errors(403),
}
