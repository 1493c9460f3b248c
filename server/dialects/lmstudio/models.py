"""The lists of models in the forms of LM Studio's two REST APIs."""

from collections.abc import Iterable

from server.conversation.models import ModelCard
from server.dialects.common.model_list import display_name, each_once

_PUBLISHER, _ARCHITECTURE, _FORMAT = "anthropic", "claude", "remote"


def models_v0(cards: Iterable[ModelCard]) -> dict[str, object]:
    """Returns the list of /api/v0/models. Clients offer only models that are loaded."""
    return {"object": "list", "data": [row_v0(card, card.id) for card in each_once(cards)]}


def row_v0(card: ModelCard, name: str) -> dict[str, object]:
    """Returns the row of a model under `name`."""
    return {
        "id": name,
        "object": "model",
        "type": "vlm",
        "publisher": _PUBLISHER,
        "arch": _ARCHITECTURE,
        "compatibility_type": _FORMAT,
        "quantization": "",
        "state": "loaded",
        "max_context_length": card.context_window,
        "loaded_context_length": card.context_window,
        "capabilities": ["tool_use"],
    }


def models_v1(cards: Iterable[ModelCard]) -> list[dict[str, object]]:
    """Returns the rows of LM Studio's /api/v1/models."""
    return [
        {
            "type": "llm",
            "publisher": _PUBLISHER,
            "key": card.id,
            "display_name": display_name(card),
            "architecture": _ARCHITECTURE,
            "quantization": None,
            "size_bytes": 0,
            "params_string": None,
            "loaded_instances": [{"id": card.id, "config": {"context_length": card.context_window}}],
            "max_context_length": card.context_window,
            "format": None,
            "capabilities": {"vision": True, "trained_for_tool_use": True},
            "description": card.description or None,
        }
        for card in each_once(cards)
    ]


def loaded(name: str) -> dict[str, object]:
    """Returns the answer to a request to load a model: each one answers at once."""
    return {"type": "llm", "instance_id": name, "load_time_seconds": 0.0, "status": "loaded"}


def unloaded(name: str) -> dict[str, object]:
    """Returns the answer to a request to unload a model."""
    return {"instance_id": name}
