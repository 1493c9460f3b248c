"""What /docs shows of the completions API."""

import json
from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.dialects.completions.request_types import CompletionsRequest
from server.web.openapi.error_examples import CHAT, error_responses
from server.web.openapi.request_schemas import request_body

_HEAD = {"id": "cmpl-7c1f0b9a4e5d4c3b8a19f0e2", "object": "text_completion", "created": 1795219200, "model": "sonnet"}


def _with(text: str, finish_reason: str | None) -> dict[str, object]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return {**_HEAD, "choices": [choice]}


_EXAMPLES: dict[str, Any] = {
    "prompt": {"summary": "A prompt", "value": {"model": "sonnet", "prompt": "Say hello in French.", "max_tokens": 50}},
    "prompts": {"summary": "Two prompts", "value": {"model": "sonnet", "prompt": ["2 + 2?", "3 + 3?"], "stop": ["\n"]}},
    "gap": {
        "summary": "The text of a gap",
        "value": {"model": "sonnet", "prompt": "def add(a, b):\n    ", "suffix": "\n\nprint(add(1, 2))"},
    },
}
_USAGE = {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30}
_STREAM = "".join(f"data: {json.dumps(_with(*step))}\n\n" for step in (("Bonjour!", None), ("", "stop")))

COMPLETIONS: dict[str, Any] = {
    "name": "create_completion",
    "summary": "Answer prompts",
    "tags": ["Completions"],
    "description": "Answers each prompt as a question of its own, or fills the gap between `prompt` and `suffix`.",
    "openapi_extra": request_body(CompletionsRequest, _EXAMPLES),
    "responses": {
        200: {
            "description": "The answers, whole or as a stream",
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {**_with("Bonjour! Comment allez-vous?", "stop"), "usage": _USAGE},
                },
                "text/event-stream": {"schema": {"type": "string"}, "example": f"{_STREAM}data: [DONE]\n\n"},
            },
        },
        **error_responses(CHAT),
    },
}
