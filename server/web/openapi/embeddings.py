"""Examples of requests for embeddings, for /docs and /openapi.json."""

from server.conversation.embedding import LOCAL_MODEL
from server.dialects.embeddings.openai import EmbeddingsRequest
from server.web.openapi.error_examples import EMBEDDINGS, Responses, error_responses
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
