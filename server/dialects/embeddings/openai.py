"""OpenAI's form of requests for embeddings, which Azure and LM Studio share."""

import base64
import sys
from array import array
from dataclasses import dataclass
from typing import Any, Literal  # Any: the JSON of another endpoint

from pydantic import Field

from server.conversation.embedding import LOCAL_MODEL, EmbeddingRequest, Embeddings
from server.dialects.common.wire_types import String, WireModel, validated
from server.dialects.embeddings.texts import Dimensions, TextList, texts_of, without_effect
from server.errors import EndpointFailed


class EmbeddingsRequest(WireModel):
    """A request for embeddings."""

    input: object = Field(
        default=None,
        description="A text, or up to 2,048 of them.",
        json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    )
    model: String = Field(default="", description="Any name: the local model answers, and a header names it.")
    dimensions: Dimensions = Field(default=None, description="Only so many numbers for each text.")
    encoding_format: Literal["float", "base64"] = Field(default="float", description="base64: little-endian float32.")


_FIELDS = frozenset(EmbeddingsRequest.model_fields)


@dataclass(frozen=True, slots=True)
class OpenAIReply:
    """Replies to one request."""

    model: str
    is_base64: bool

    def body(self, embeddings: Embeddings) -> dict[str, object]:
        """The response body, with the model's name as the client wrote it."""
        rows = [
            {
                "object": "embedding",
                "index": index,
                "embedding": as_base64(vector) if self.is_base64 else floats(vector),
            }
            for index, vector in enumerate(embeddings.vectors)
        ]
        usage = {"prompt_tokens": embeddings.tokens, "total_tokens": embeddings.tokens}
        return {"object": "list", "data": rows, "model": self.model, "usage": usage}


class OpenAIEmbeddings:
    """OpenAI's form."""

    path = "/v1/embeddings"
    is_openai = True

    def parse(self, body: object) -> tuple[EmbeddingRequest, OpenAIReply]:
        """Parses the JSON `body` of a request. Raises `InvalidRequest`."""
        fields = validated(EmbeddingsRequest, body)
        texts, places = texts_of(fields.input, "input")
        clean = validated(TextList, {"input": list(texts)})
        model = fields.model or LOCAL_MODEL
        ignored = (*clean.repaired, *without_effect(body if isinstance(body, dict) else {}, _FIELDS))
        request = EmbeddingRequest(tuple(clean.input), places, model, fields.dimensions, ignored=ignored)
        return request, OpenAIReply(model, fields.encoding_format == "base64")


def floats(vector: bytes) -> list[float]:
    """The numbers of a vector of little-endian float32."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def as_base64(vector: bytes) -> str:
    """A vector as OpenAI's clients request it by default."""
    return base64.b64encode(vector).decode("ascii")


def openai_body(request: EmbeddingRequest, model: str | None) -> dict[str, object]:
    """The body that requests the same of another endpoint, of `model` if it is not None."""
    body: dict[str, object] = {
        "model": model or request.model,
        "input": list(request.texts),
        "encoding_format": "float",
    }
    return body if request.dimensions is None else {**body, "dimensions": request.dimensions}


def embeddings_from(body: Any, request: EmbeddingRequest) -> Embeddings:
    """The embeddings in the response of another endpoint. Raises `EndpointFailed` for anything else."""
    try:
        rows = sorted(body["data"], key=lambda row: row["index"])
        vectors = tuple(array("f", row["embedding"]).tobytes() for row in rows)
        tokens = int((body.get("usage") or {}).get("prompt_tokens") or 0)
        model = str(body.get("model") or request.model)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EndpointFailed("The answer of the endpoint has no embeddings.") from error
    if len(vectors) != len(request.texts):
        raise EndpointFailed(f"The endpoint sent {len(vectors)} embeddings for {len(request.texts)} texts.")
    return Embeddings(vectors, model, tokens)
