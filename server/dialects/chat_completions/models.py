"""The list of models in OpenAI's form: the names to ask for, then the full ids that they stand for."""

from collections.abc import Iterable

from server.conversation.models import ModelCard
from server.errors import ModelUnknown

_LONGEST_ECHO = 100


def models_page(cards: Iterable[ModelCard], *, created: int) -> dict[str, object]:
    """All rows, none twice: each card's own name, in order, the full ids that are not among them, the free aliases.

    Once the size of every model is known the rows also say what they can do: Cursor's local mode hides those that do
    not as soon as one of them does.
    """
    return {"object": "list", "data": list(_rows(tuple(cards), created).values())}


def row_named(name: str, cards: Iterable[ModelCard], *, created: int) -> dict[str, object]:
    """The row whose id is `name`. Raises `ModelUnknown`."""
    row = _rows(tuple(cards), created).get(name)
    if row is None:
        raise ModelUnknown(
            f"There is no model {name[:_LONGEST_ECHO]!r} here.",
            param="model",
            hint="GET /v1/models lists those there are.",
        )
    return row


def _rows(cards: tuple[ModelCard, ...], created: int) -> dict[str, dict[str, object]]:
    named: dict[str, ModelCard] = {}
    for card in cards:
        named.setdefault(card.id, card)
    # "default" stands for a model that has a card of its own, and describes it less well.
    for card in sorted(cards, key=lambda card: card.id == "default"):
        if card.resolved:
            named.setdefault(card.resolved, card)
    for card in cards:
        if alias := card.alias:
            named.setdefault(alias, card)
    are_known = all(card.context_length is not None for card in named.values())
    return {name: _row(name, card, created, with_abilities=are_known) for name, card in named.items()}


def _row(id_: str, card: ModelCard, created: int, *, with_abilities: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "id": id_,
        "object": "model",
        "created": created,
        "owned_by": "anthropic",
        "name": card.name,
        **_sizes(card),
    }
    return {**row, "api_types": ["chat_completions"], "capabilities": _abilities(card)} if with_abilities else row


def _sizes(card: ModelCard) -> dict[str, object]:
    sizes = {"context_length": card.context_length, "max_output_tokens": card.max_output_tokens}
    return {name: size for name, size in sizes.items() if size is not None}


def _abilities(card: ModelCard) -> dict[str, object]:
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
