"""The names of the models, from which each API makes its own list."""

from collections.abc import Iterable

from server.conversation.models import ModelCard

_DEFAULT = "default"


def by_name(cards: Iterable[ModelCard]) -> dict[str, ModelCard]:
    """Returns every name with its model: each card's own, then full ids and aliases that are not names already."""
    cards = tuple(cards)
    named: dict[str, ModelCard] = {}
    for card in cards:
        named.setdefault(card.id, card)
    # "default" comes last: its model has a card of its own, which describes it better.
    for card in sorted(cards, key=lambda card: card.id == _DEFAULT):
        if card.resolved:
            named.setdefault(card.resolved, card)
    for card in cards:
        if alias := card.alias:
            named.setdefault(alias, card)
    return named


def each_once(cards: Iterable[ModelCard]) -> tuple[ModelCard, ...]:
    """Returns the models, each by its own name; without Claude Code's default, which is one of the others."""
    unique = {card.id: card for card in reversed(tuple(cards))}
    models = tuple(card for card in reversed(unique.values()) if card.id != _DEFAULT)
    return models or tuple(unique.values())


def display_name(card: ModelCard) -> str:
    """Returns the name to show, as in `Claude Sonnet`."""
    return card.name if card.name.lower().startswith("claude") else f"Claude {card.name}"
