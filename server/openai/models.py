"""The list of models in OpenAI's form: the names to ask for, then the full ids that they stand for."""

from collections.abc import Iterable

from server.dialogue import ModelCard
from server.errors import ModelUnknown

_LONGEST_ECHO = 100


def model_row(card: ModelCard, *, created: int) -> dict[str, object]:
    """The row of `card` under the name to ask for."""
    return _row(card.id, card, created)


def models_page(cards: Iterable[ModelCard], *, created: int) -> dict[str, object]:
    """All rows: each card's own name, in order, then the full ids that are not among the names. None comes twice."""
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
    rows: dict[str, dict[str, object]] = {}
    for card in cards:
        rows.setdefault(card.id, _row(card.id, card, created))
    # "default" stands for a model that has a card of its own, and describes it less well.
    for card in sorted(cards, key=lambda card: card.id == "default"):
        if card.resolved:
            rows.setdefault(card.resolved, _row(card.resolved, card, created))
    return rows


def _row(id_: str, card: ModelCard, created: int) -> dict[str, object]:
    row: dict[str, object] = {
        "id": id_,
        "object": "model",
        "created": created,
        "owned_by": "anthropic",
        "name": card.name,
    }
    if card.context_length is not None:
        row["context_length"] = card.context_length
    if card.max_output_tokens is not None:
        row["max_output_tokens"] = card.max_output_tokens
    return row
