"""The model list in OpenAI's form: names, then the full ids that they mean, then aliases."""

from collections.abc import Iterable, Sequence

from server.conversation.embedding import EmbeddingCard
from server.conversation.models import ModelCard
from server.dialects.common.model_list import by_name
from server.errors import ModelUnknown

_MAX_ECHO = 100


def models_page(
    cards: Iterable[ModelCard], *, created: int, api_types: Sequence[str] = (), embeds: EmbeddingCard | None = None
) -> dict[str, object]:
    """Returns the list: each card's own name, then full ids and aliases that are not names already, last `embeds`.

    `api_types` are Cursor's words for the APIs that answer. Every row has them and capabilities: if one has, Cursor's
    local mode hides those that do not.
    """
    rows = [_row(name, card, created, api_types) for name, card in by_name(cards).items()]
    return {"object": "list", "data": [*rows, *((embedding_row(embeds, created=created),) if embeds else ())]}


def embedding_row(card: EmbeddingCard, *, created: int) -> dict[str, object]:
    """Returns the row of a model for embeddings. It has no capabilities, since it does not chat."""
    return {"id": card.id, "object": "model", "created": created, "owned_by": card.owner, "name": card.name}


def row_named(
    name: str,
    cards: Iterable[ModelCard],
    *,
    created: int,
    answering: ModelCard | None = None,
    api_types: Sequence[str] = (),
) -> dict[str, object]:
    """Returns the row whose id is `name`, else one with that id for the `answering` model.

    Raises `ModelUnknown` if there is neither.
    """
    card = by_name(cards).get(name) or answering
    if card is None:
        raise ModelUnknown(
            f"The model {name[:_MAX_ECHO]!r} does not exist.",
            param="model",
            hint="GET /v1/models lists the available models.",
        )
    return _row(name, card, created, api_types)


def _row(id_: str, card: ModelCard, created: int, api_types: Sequence[str]) -> dict[str, object]:
    sizes = {"context_length": card.context_window, "max_output_tokens": card.output_limit}
    return {
        "id": id_,
        "object": "model",
        "created": created,
        "owned_by": "anthropic",
        "name": card.name,
        **sizes,
        "api_types": list(api_types),
        "capabilities": {
            **sizes,
            "supports_tool_use": True,
            "supports_streaming": True,
            "supports_vision": True,
            "supports_reasoning": True,
            "reasoning_effort": list(card.efforts),
            "input_modalities": ["text", "image"],
            "output_modalities": ["text"],
        },
    }


def capabilities_page(cards: Iterable[ModelCard]) -> dict[str, object]:
    """The models in the form of claude-code-api's /v1/models/capabilities. Unknown limits are null."""
    rows = [
        {
            "id": name,
            "name": card.name,
            "max_tokens": card.output_limit,
            "context_length": card.context_window,
            "supports_streaming": True,
            "supports_tools": True,
            "supports_vision": True,
            "supports_reasoning": True,
            "reasoning_effort": list(card.efforts),
        }
        for name, card in by_name(cards).items()
    ]
    return {"object": "list", "data": rows, "models": rows, "total": len(rows), "provider": "anthropic"}
