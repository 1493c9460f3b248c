"""The lists of models in Ollama's form."""

import hashlib
from collections.abc import Iterable

from server.conversation.models import ModelCard
from server.dialects.common.model_list import display_name, each_once
from server.dialects.ollama.lines import rfc3339

# Codex wants 0.13.4 or newer, VS Code 0.6.4.
VERSION = "0.14.0"
CAPABILITIES = ("completion", "tools", "vision", "thinking")
_ARCHITECTURE = "claude"
# LiteLLM offers tools to a model only if its template contains them.
_TEMPLATE = "{{ .System }}{{ .Tools }}{{ .Prompt }}"
# No model takes up space on this computer, but clients want a positive size.
_SIZE = 1


def tags(cards: Iterable[ModelCard], *, created: float) -> dict[str, object]:
    """Returns the list of models: each by its plain name, without a tag. `created` is a Unix time."""
    return {"models": [_row(card, created) for card in each_once(cards)]}


def running(cards: Iterable[ModelCard], *, created: float, until: float) -> dict[str, object]:
    """Returns the models in memory: all of them, since each answers at once. `until` is a Unix time."""
    more: dict[str, object] = {"expires_at": rfc3339(until), "size_vram": 0}
    models = [{**_row(card, created), **more, "context_length": card.context_window} for card in each_once(cards)]
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


def _row(card: ModelCard, created: float) -> dict[str, object]:
    return {
        "name": card.id,
        "model": card.id,
        "modified_at": rfc3339(created),
        "size": _SIZE,
        "digest": hashlib.sha256(card.id.encode()).hexdigest(),
        "details": _details(),
        "capabilities": list(CAPABILITIES),
    }


def _details() -> dict[str, object]:
    return {
        "parent_model": "",
        "format": "remote",
        "family": _ARCHITECTURE,
        "families": [_ARCHITECTURE],
        "parameter_size": "",
        "quantization_level": "",
    }
