"""What /docs shows of the endpoints for embeddings, in OpenAI's and Ollama's forms."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.conversation.embedding import LOCAL_MODEL
from server.dialects.embeddings.openai import EmbeddingsRequest
from server.web.openapi.error_examples import EMBEDDINGS, Responses, error_responses
from server.web.openapi.examples import json_response
from server.web.openapi.request_schemas import request_body

EMBEDDINGS_EXAMPLES = {
    "several": {
        "summary": "Several texts",
        "value": {"model": LOCAL_MODEL, "input": ["The cat sleeps.", "Le chat dort."]},
    },
    "one": {"summary": "One text", "value": {"model": "text-embedding-3-small", "input": "The cat sleeps."}},
    "short": {
        "summary": "Shorter vectors, as base64",
        "value": {"model": LOCAL_MODEL, "input": "The cat sleeps.", "dimensions": 256, "encoding_format": "base64"},
    },
}
EMBEDDINGS_EXTRA = request_body(EmbeddingsRequest, EMBEDDINGS_EXAMPLES)
EMBEDDINGS_RESPONSES: Responses = {
    200: {
        "description": "The vectors, in the order of the texts",
        "headers": {
            "x-drawbridge-model": {"schema": {"type": "string"}, "description": "The model that computed them."},
            "x-drawbridge-ignored": {
                "schema": {"type": "string"},
                "description": "Fields without effect, and texts that were cut or hardly understood.",
            },
        },
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "object": "list",
                    "data": [{"object": "embedding", "index": 0, "embedding": [0.0312, -0.0481, 0.0127]}],
                    "model": LOCAL_MODEL,
                    "usage": {"prompt_tokens": 4, "total_tokens": 4},
                },
            }
        },
    },
    **error_responses(EMBEDDINGS),
}

_OLLAMAS_ERROR = {400: json_response("The request is invalid", {"error": "input must be a string or an array."})}


def _ollamas(field: str, value: object) -> dict[str, Any]:
    """The body of a request in Ollama's form, whose text is in `field`."""
    schema = {
        "type": "object",
        "properties": {"model": {"type": "string"}, field: {"description": "The text."}},
        "required": ["model", field],
    }
    examples = {"text": {"summary": "A text", "value": {"model": LOCAL_MODEL, field: value}}}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
    }


OPENAI_EMBEDDINGS: dict[str, Any] = {
    "name": "create_embeddings",
    "summary": "Turn texts into vectors",
    "tags": ["Embeddings"],
    "description": "Computes a vector for each text, by a model on this computer. Nothing is sent to Claude.",
    "openapi_extra": EMBEDDINGS_EXTRA,
    "responses": EMBEDDINGS_RESPONSES,
}
OLLAMA_EMBED: dict[str, Any] = {
    "name": "create_ollama_embeddings",
    "summary": "Turn texts into vectors, as Ollama does",
    "tags": ["Ollama"],
    "description": "Computes a vector for each text of `input`, by the model on this computer.",
    "openapi_extra": _ollamas("input", ["The cat sleeps.", "Le chat dort."]),
    "responses": {
        200: json_response(
            "The vectors, in the order of the texts",
            {
                "model": LOCAL_MODEL,
                "embeddings": [[0.0312, -0.0481, 0.0127], [0.0307, -0.0466, 0.0131]],
                "total_duration": 81000000,
                "load_duration": 0,
                "prompt_eval_count": 8,
            },
        ),
        **_OLLAMAS_ERROR,
    },
}
OLLAMA_EMBEDDINGS: dict[str, Any] = {
    "name": "create_old_ollama_embedding",
    "summary": "Turn one text into a vector, as older versions of Ollama do",
    "tags": ["Ollama"],
    "description": "Computes the vector of `prompt`, by the model on this computer.",
    "openapi_extra": _ollamas("prompt", "The cat sleeps."),
    "responses": {200: json_response("The vector", {"embedding": [0.0312, -0.0481, 0.0127]}), **_OLLAMAS_ERROR},
}
