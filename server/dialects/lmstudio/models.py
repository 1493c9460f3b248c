"""The lists of models in the forms of LM Studio's two REST APIs."""

from collections.abc import Iterable

from server.conversation.embedding import EmbeddingCard
from server.conversation.models import ModelCard
from server.dialects.common.model_list import display_name, each_once

_PUBLISHER, ARCHITECTURE, FORMAT = "anthropic", "claude", "remote"


def models_v0(cards: Iterable[ModelCard], embeds: EmbeddingCard | None = None) -> dict[str, object]:
    """Returns the list of /api/v0/models, last `embeds`. Clients offer only models that are loaded."""
    rows = [row_v0(card, card.id) for card in each_once(cards)]
    return {"object": "list", "data": [*rows, *([embedding_row_v0(embeds)] if embeds is not None else [])]}


def row_v0(card: ModelCard, name: str) -> dict[str, object]:
    """Returns the row of a model under `name`."""
    return {
        "id": name,
        "object": "model",
        "type": "vlm",
        "publisher": _PUBLISHER,
        "arch": ARCHITECTURE,
        "compatibility_type": FORMAT,
        "quantization": "",
        "state": "loaded",
        "max_context_length": card.context_window,
        "loaded_context_length": card.context_window,
        "capabilities": ["tool_use"],
    }


def embedding_row_v0(card: EmbeddingCard) -> dict[str, object]:
    """Returns the row of a model for embeddings; a limit that is not known is left out."""
    return {
        "id": card.id,
        "object": "model",
        "type": "embeddings",
        "publisher": card.owner,
        "arch": card.family,
        "compatibility_type": FORMAT,
        "quantization": "",
        "state": "loaded",
        **({} if card.context_length is None else {"max_context_length": card.context_length}),
    }


def models_v1(cards: Iterable[ModelCard], embeds: EmbeddingCard | None = None) -> list[dict[str, object]]:
    """Returns the rows of LM Studio's /api/v1/models, last `embeds`."""
    rows = [_row_v1(card) for card in each_once(cards)]
    return [*rows, *([_embedding_row_v1(embeds)] if embeds is not None else [])]


def _row_v1(card: ModelCard) -> dict[str, object]:
    return {
        "type": "llm",
        "publisher": _PUBLISHER,
        "key": card.id,
        "display_name": display_name(card),
        "architecture": ARCHITECTURE,
        "quantization": None,
        "size_bytes": 0,
        "params_string": None,
        "loaded_instances": [{"id": card.id, "config": {"context_length": card.context_window}}],
        "max_context_length": card.context_window,
        "format": None,
        "capabilities": {"vision": True, "trained_for_tool_use": True},
        "description": card.description or None,
    }


def _embedding_row_v1(card: EmbeddingCard) -> dict[str, object]:
    # Where the window is not known, LM Studio's type still wants a number.
    window = card.context_length or 0
    return {
        "type": "embedding",
        "publisher": card.owner,
        "key": card.id,
        "display_name": card.name,
        "architecture": card.family,
        "quantization": None,
        "size_bytes": 0,
        "params_string": None,
        "loaded_instances": [{"id": card.id, "config": {"context_length": window}}],
        "max_context_length": window,
        "format": None,
    }


def loaded(name: str, *, embeds: bool = False) -> dict[str, object]:
    """Returns the answer to a request to load a model: each one answers at once."""
    return {"type": "embedding" if embeds else "llm", "instance_id": name, "load_time_seconds": 0.0, "status": "loaded"}


def unloaded(name: str) -> dict[str, object]:
    """Returns the answer to a request to unload a model."""
    return {"instance_id": name}
