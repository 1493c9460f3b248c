"""The schemas of request bodies in the OpenAPI document."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.json_schemas import json_schemas
from server.dialects.common.wire_types import WireModel
from server.dialects.completions.request_types import CompletionsRequest
from server.dialects.embeddings.openai import EmbeddingsRequest
from server.dialects.messages.request_types import MessagesRequest
from server.dialects.ollama.request_types import OllamaChatRequest, OllamaGenerateRequest
from server.dialects.responses.request_types import ResponsesRequest

_REFERENCE = "#/components/schemas/{model}"
_DOCUMENTED: tuple[type[WireModel], ...] = (
    ChatRequest,
    MessagesRequest,
    CompletionsRequest,
    EmbeddingsRequest,
    ResponsesRequest,
    OllamaChatRequest,
    OllamaGenerateRequest,
)


def request_schemas() -> dict[str, Any]:
    """Returns the schemas of all documented requests and of their parts, for `components.schemas`."""
    return json_schemas(_DOCUMENTED, ref_template=_REFERENCE)


def request_body(model: type[WireModel], examples: dict[str, Any]) -> dict[str, Any]:
    """Returns the OpenAPI fields of an operation whose body is a `model`."""
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
    }
