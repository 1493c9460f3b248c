"""Examples of every response, for /docs and /openapi.json."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.web.openapi.error_examples import ACCESS, CHAT, CLI, MODEL, Responses, error_responses

_CHAT_ID = "chatcmpl-7c1f0b9a4e5d4c3b8a19f0e2"
_CREATED = 1795219200
_MODEL = "sonnet"


def json_response(description: str, example: object) -> dict[str, Any]:
    """Returns a response in JSON with its example."""
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
    f'data: {_CHUNK}{{"index":0,"delta":{{"role":"assistant","content":""}},"finish_reason":null}}]}}\n\n'
    f'data: {_CHUNK}{{"index":0,"delta":{{"content":"Bonjour!"}},"finish_reason":null}}]}}\n\n'
    f'data: {_CHUNK}{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
    "data: [DONE]\n\n"
)
CHAT_RESPONSES: Responses = {
    200: {
        "description": "The answer, whole or as a stream",
        "headers": {
            "x-request-id": {"schema": {"type": "string"}, "description": "The id of this request in the log."},
            "x-drawbridge-model": {"schema": {"type": "string"}, "description": "The model that answered."},
            "x-drawbridge-way": {"schema": {"type": "string"}, "description": "How the request found its worker."},
            "x-drawbridge-ignored": {
                "schema": {"type": "string"},
                "description": "Fields without effect, and what was left out or changed.",
            },
            "x-drawbridge-schema": {
                "schema": {"type": "string"},
                "description": "Where the answer does not match the request's schema; not on streams.",
            },
            "x-drawbridge-cost-usd": {
                "schema": {"type": "string"},
                "description": "Cost at list prices; not on streams.",
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
    "max_output_tokens": 64000,
    "api_types": ["chat_completions"],
    "capabilities": {"supports_tool_use": True, "supports_vision": True, "supports_reasoning": True},
}
MODELS_RESPONSES: Responses = {
    200: json_response("The models", {"object": "list", "data": [_ROW]}),
    **error_responses((*ACCESS, *CLI)),
}
_CAPABILITY = {
    "id": "sonnet",
    "name": "Claude Sonnet",
    "max_tokens": 64000,
    "context_length": 200000,
    "supports_streaming": True,
    "supports_tools": True,
    "supports_vision": True,
    "supports_reasoning": True,
    "reasoning_effort": ["low", "medium", "high"],
}
CAPABILITIES: Responses = {
    200: json_response(
        "The models",
        {"object": "list", "data": [_CAPABILITY], "models": [_CAPABILITY], "total": 1, "provider": "anthropic"},
    ),
    **error_responses((*ACCESS, *CLI)),
}
MODEL_RESPONSES: Responses = {200: json_response("The model", _ROW), **error_responses(MODEL)}

_ACCOUNT = {
    "signed_in": True,
    "payer": "plan",
    "detail": "Claude Max",
    "method": "claude.ai",
    "provider": "firstParty",
    "email": "someone@example.org",
    "organization": None,
    "subscription": "max",
    "refused": None,
    "cure": None,
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
    "ollama": {"state": "listening", "addresses": ["127.0.0.1:11434", "[::1]:11434"], "refused": None},
    "key_required": False,
    "uptime_s": 3600.5,
    "trouble": None,
    "cli": {"path": "/usr/local/bin/claude", "version": "2.1.0"},
    "account": _ACCOUNT,
    "usage": [{"name": "5 hours", "used": 0.42, "resets_at": 2000000000, "is_reached": False}],
    "pool": _POOL,
}
HEALTH_RESPONSES: Responses = {
    200: json_response("The server is running. Without a required access key: only status and version", _HEALTH),
    **error_responses(ACCESS[1:]),
}
AUTH_RESPONSES: Responses = {
    200: json_response("The signed-in account and the payer", _ACCOUNT),
    **error_responses(ACCESS),
}
VERSION_RESPONSES: Responses = {200: json_response("The version", {"name": "Drawbridge", "version": "0.1.0"})}
ROOT_RESPONSES: Responses = {
    200: json_response(
        "About the server; browsers get a page",
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
    **error_responses(ACCESS[1:]),
}
