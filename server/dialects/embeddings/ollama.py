"""Ollama's forms of requests for embeddings: /api/embed, and the older /api/embeddings for one text."""

from dataclasses import dataclass, replace

from server.conversation.embedding import LOCAL_MODEL, EmbeddingRequest, Embeddings
from server.dialects.common.lenient import Flag
from server.dialects.common.wire_types import String, WireModel, validated
from server.dialects.embeddings.openai import floats
from server.dialects.embeddings.texts import Dimensions, TextList, texts_of, without_effect

_NS = 1_000_000_000
# About Ollama's own memory and its tuning of a model; nothing of it has an equivalent here.
_ACCEPTED = frozenset({"keep_alive", "options"})


class _EmbedRequest(WireModel):
    model: String = ""
    input: object = None
    truncate: Flag = True
    dimensions: Dimensions = None


class _OldRequest(WireModel):
    model: String = ""
    prompt: object = None


@dataclass(frozen=True, slots=True)
class EmbedReply:
    """Replies to /api/embed."""

    model: str

    def body(self, embeddings: Embeddings) -> dict[str, object]:
        """The response body."""
        load = int(embeddings.load_s * _NS)
        return {
            "model": self.model,
            "embeddings": [floats(vector) for vector in embeddings.vectors],
            "total_duration": max(1, int(embeddings.total_s * _NS)),
            "load_duration": load,
            "prompt_eval_count": embeddings.tokens,
        }


@dataclass(frozen=True, slots=True)
class OldReply:
    """Replies to /api/embeddings."""

    def body(self, embeddings: Embeddings) -> dict[str, object]:
        """The response body."""
        return {"embedding": floats(embeddings.vectors[0]) if embeddings.vectors else []}


class OllamaEmbed:
    """/api/embed."""

    path = "/api/embed"
    is_openai = False

    def parse(self, body: object) -> tuple[EmbeddingRequest, EmbedReply]:
        """Parses the JSON `body` of a request. Raises `InvalidRequest`. Without texts it only loads the model."""
        fields = validated(_EmbedRequest, body)
        model = fields.model or LOCAL_MODEL
        request = _request(body, fields.input, "input", model, frozenset(_EmbedRequest.model_fields))
        return replace(request, dimensions=fields.dimensions, cuts=fields.truncate), EmbedReply(model)


class OllamaEmbeddings:
    """/api/embeddings."""

    path = "/api/embeddings"
    is_openai = False

    def parse(self, body: object) -> tuple[EmbeddingRequest, OldReply]:
        """Parses the JSON `body` of a request. Raises `InvalidRequest`. Without a text it only loads the model."""
        fields = validated(_OldRequest, body)
        known = frozenset(_OldRequest.model_fields)
        return _request(body, fields.prompt, "prompt", fields.model or LOCAL_MODEL, known), OldReply()


def _request(body: object, value: object, field: str, model: str, known: frozenset[str]) -> EmbeddingRequest:
    ignored = without_effect(body if isinstance(body, dict) else {}, known | _ACCEPTED)
    if value is None or value in ("", []):
        return EmbeddingRequest((), (), model, ignored=ignored)
    texts, places = texts_of(value, field)
    clean = validated(TextList, {"input": list(texts)})
    return EmbeddingRequest(tuple(clean.input), places, model, ignored=(*clean.repaired, *ignored))
