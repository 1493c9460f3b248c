"""The model list in OpenAI's form: names, then the full ids that they mean, then aliases."""

from collections.abc import Iterable

from server.conversation.models import ModelCard
from server.errors import ModelUnknown

_MAX_ECHO = 100


def models_page(cards: Iterable[ModelCard], *, created: int) -> dict[str, object]:
    """Returns the list: each card's own name, then full ids and aliases that are not names already.

    The rows contain capabilities only once the context length of every model is known: if one row has them, Cursor's
    local mode hides those that do not.
    """
    return {"object": "list", "data": list(_rows(tuple(cards), created).values())}


def row_named(
    name: str, cards: Iterable[ModelCard], *, created: int, answering: ModelCard | None = None
) -> dict[str, object]:
    """Returns the row whose id is `name`, else one with that id for the `answering` model.

    Raises `ModelUnknown` if there is neither.
    """
    row = _rows(tuple(cards), created).get(name)
    if row is None and answering is not None:
        row = _row(name, answering, created, with_capabilities=answering.context_length is not None)
    if row is None:
        raise ModelUnknown(
            f"The model {name[:_MAX_ECHO]!r} does not exist.",
            param="model",
            hint="GET /v1/models lists the available models.",
        )
    return row


def _rows(cards: tuple[ModelCard, ...], created: int) -> dict[str, dict[str, object]]:
    named: dict[str, ModelCard] = {}
    for card in cards:
        named.setdefault(card.id, card)
    # "default" comes last: its model has a card of its own, which describes it better.
    for card in sorted(cards, key=lambda card: card.id == "default"):
        if card.resolved:
            named.setdefault(card.resolved, card)
    for card in cards:
        if alias := card.alias:
            named.setdefault(alias, card)
    all_known = all(card.context_length is not None for card in named.values())
    return {name: _row(name, card, created, with_capabilities=all_known) for name, card in named.items()}


def _row(id_: str, card: ModelCard, created: int, *, with_capabilities: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "id": id_,
        "object": "model",
        "created": created,
        "owned_by": "anthropic",
        "name": card.name,
        **_sizes(card),
    }
    return {**row, "api_types": ["chat_completions"], "capabilities": _capabilities(card)} if with_capabilities else row


def _sizes(card: ModelCard) -> dict[str, object]:
    sizes = {"context_length": card.context_length, "max_output_tokens": card.max_output_tokens}
    return {name: size for name, size in sizes.items() if size is not None}


def _capabilities(card: ModelCard) -> dict[str, object]:
    return {
        **_sizes(card),
        "supports_tool_use": True,
        "supports_streaming": True,
        "supports_vision": True,
        "supports_reasoning": True,
        "reasoning_effort": list(card.efforts),
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
    }
