"""A model that Claude Code offers, and its limits."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.conversation.request import ALIAS_PREFIX

_CONTEXT, _LONG_CONTEXT, _OUTPUT = 200_000, 1_000_000, 32_000
# In the names of models with a longer context.
_LONG = "[1m]"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model of this account: `id` is the name to request, `resolved` the id that it means now. None: unknown.

    `is_users`: the id is the user's own name for a model, from the settings.
    """

    id: str
    resolved: str
    name: str
    description: str = ""
    efforts: tuple[str, ...] = ()
    context_length: int | None = None
    max_output_tokens: int | None = None
    is_users: bool = False

    @property
    def alias(self) -> str | None:
        """A name that no client takes for one of its own, as in `cc:opus`; None if `id` is a full id."""
        return None if self.id.lower().startswith("claude-") else f"{ALIAS_PREFIX}{self.id}"

    @property
    def context_window(self) -> int:
        """The context length; what Claude's models have at least, until an answer has reported it."""
        is_long = _LONG in self.id or _LONG in self.resolved
        return self.context_length or (_LONG_CONTEXT if is_long else _CONTEXT)

    @property
    def output_limit(self) -> int:
        """The longest answer in tokens; what Claude's models can write at least, until an answer has reported it."""
        return self.max_output_tokens or _OUTPUT


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """A model's limits in tokens, as an answer reports them; the model list lacks them."""

    model: str
    context_length: int
    max_output_tokens: int


def is_allowed(model: str, allowed: Sequence[str], cards: Iterable[ModelCard]) -> bool:
    """Whether one of the names of `model` is among the `allowed` ones, which may have `*` for any text.

    Its names are its id, its alias, and those of the cards for the same model. Empty `allowed`: every model.
    """
    if not allowed:
        return True
    cards = tuple(cards)
    ids = {model, *(card.resolved for card in cards if model in {card.id, card.resolved})}
    same = [card for card in cards if card.id == model or card.resolved in ids]
    names = ids | {name for card in same for name in (card.id, card.resolved, card.alias) if name is not None}
    pattern = re.compile("|".join(".*".join(map(re.escape, one.split("*"))) for one in allowed), re.IGNORECASE)
    return any(pattern.fullmatch(name) for name in names)


def allowed_cards(cards: Iterable[ModelCard], allowed: Sequence[str]) -> tuple[ModelCard, ...]:
    """The cards of models that are `allowed`, as `is_allowed` reads it."""
    cards = tuple(cards)
    return tuple(card for card in cards if is_allowed(card.id, allowed, cards)) if allowed else cards
