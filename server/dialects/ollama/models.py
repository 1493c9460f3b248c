"""The lists of models in Ollama's form."""

import hashlib
from collections.abc import Iterable

from server.conversation.embedding import EmbeddingCard
from server.conversation.models import ModelCard
from server.dialects.common.model_list import display_name, each_once
from server.dialects.ollama.lines import rfc3339

# Codex wants 0.13.4 or newer, VS Code 0.6.4.
VERSION = "0.14.0"
CAPABILITIES = ("completion", "tools", "vision", "thinking")
_EMBEDS = ("embedding",)
_ARCHITECTURE = "claude"
# LiteLLM offers tools to a model only if its template contains them.
_TEMPLATE = "{{ .System }}{{ .Tools }}{{ .Prompt }}"
# No model takes up space on this computer, but clients want a positive size.
_SIZE = 1


def tags(cards: Iterable[ModelCard], *, created: float, embeds: EmbeddingCard | None = None) -> dict[str, object]:
    """Returns the list of models: each by its plain name, without a tag; last `embeds`. `created` is a Unix time."""
    rows = [_row(card.id, created) for card in each_once(cards)]
    last = [_row(embeds.id, created, embeds.family, _EMBEDS)] if embeds is not None else []
    return {"models": [*rows, *last]}


def running(cards: Iterable[ModelCard], *, created: float, until: float) -> dict[str, object]:
    """Returns the models in memory: all of them, since each answers at once. `until` is a Unix time."""
    more: dict[str, object] = {"expires_at": rfc3339(until), "size_vram": 0}
    models = [{**_row(card.id, created), **more, "context_length": card.context_window} for card in each_once(cards)]
    return {"models": models}


def description(card: ModelCard, *, created: float) -> dict[str, object]:
    """Returns what /api/show says of a model."""
    return {
        "modelfile": "",
        "parameters": "",
        "template": _TEMPLATE,
        "details": _details(),
        "model_info": {
            "general.architecture": _ARCHITECTURE,
            "general.basename": display_name(card),
            f"{_ARCHITECTURE}.context_length": card.context_window,
        },
        "capabilities": list(CAPABILITIES),
        "modified_at": rfc3339(created),
    }


def embedding_description(card: EmbeddingCard, *, created: float) -> dict[str, object]:
    """Returns what /api/show says of a model for embeddings; limits that are not known are left out."""
    limits = {"context_length": card.context_length, "embedding_length": card.dimensions}
    return {
        "modelfile": "",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _details(card.family),
        "model_info": {
            "general.architecture": card.family,
            "general.basename": card.name,
            **{f"{card.family}.{name}": limit for name, limit in limits.items() if limit is not None},
        },
        "capabilities": list(_EMBEDS),
        "modified_at": rfc3339(created),
    }


def _row(
    name: str, created: float, family: str = _ARCHITECTURE, capabilities: Iterable[str] = CAPABILITIES
) -> dict[str, object]:
    return {
        "name": name,
        "model": name,
        "modified_at": rfc3339(created),
        "size": _SIZE,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": _details(family),
        "capabilities": list(capabilities),
    }


def _details(family: str = _ARCHITECTURE) -> dict[str, object]:
    return {
        "parent_model": "",
        "format": "remote",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": "",
    }
