"""The names by which clients ask for Claude's models: aliases that no client takes for its own, suffixes for efforts.

Cursor sends a name with `claude-` in it in another form, keeps exact names of its own for itself, and hangs on its
picker's choices, as in `claude-4.6-opus-high-thinking`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from server.claude.cli.models import ALIASES, known_name
from server.conversation.models import ModelCard
from server.conversation.request import ALIAS_PREFIX

# From little to much, as Claude's API orders them.
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
# What Cursor's picker hangs on a name, and the effort that is meant; None says nothing of it.
_SUFFIXES = MappingProxyType(
    {
        "minimal": "low",
        "low": "low",
        "medium": "medium",
        "high": "high",
        "xhigh": "xhigh",
        "extra": "xhigh",
        "max": "max",
        "thinking": None,
        "reasoning": None,
        "fast": None,
        "priority": None,
    }
)
# Who asks for thinking and does not say how much.
_THINKING = "high"
# As Cursor and others write it: `claude-4.6-opus`; Claude's API has the family first since 4.
_NUMBER_FIRST = re.compile(r"claude-(?P<major>[4-9]|\d\d)(?:[.-](?P<minor>\d{1,2}))?-(?P<family>[a-z]+)", re.IGNORECASE)
_DOTTED = re.compile(r"(?<=\d)\.(?=\d)")


@dataclass(frozen=True, slots=True)
class Meant:
    """What a name asks for: the model as Claude Code knows it, and the effort where the name says one.

    `model` is None when the name is none of Claude's.
    """

    model: str | None
    effort: str | None = None


def meant_by(asked: str, cards: Iterable[ModelCard]) -> Meant:
    """What `asked` means. A suffix that nobody knows leaves the name as it is.

    An effort that the model is known not to have becomes the nearest that it has.
    """
    cards = tuple(cards)
    name = asked.strip()
    if exact := _listed(name, cards):
        return Meant(exact)
    stem, effort = _without_suffixes(name, cards)
    model = _listed(stem, cards) or known_name(_respelled(_bare(stem)), cards)
    if model is None:
        # Names of others end in "-max" and mean no effort.
        return Meant(None, None if effort == "max" else effort)
    return Meant(model, nearest_effort(effort, model, cards))


def nearest_effort(effort: str | None, model: str | None, cards: Iterable[ModelCard]) -> str | None:
    """The effort, or the nearest that the model has; rather less than more. Unlisted models are taken at their word."""
    card = next((card for card in cards if model in {card.id, card.resolved}), None)
    # Before Claude Code has listed its models nobody knows what they have.
    if effort is None or card is None or card in ALIASES or effort in card.efforts:
        return effort
    had = [_EFFORTS.index(known) for known in card.efforts if known in _EFFORTS]
    if not had:
        return None
    below = [level for level in had if level < _EFFORTS.index(effort)]
    return _EFFORTS[max(below) if below else min(had)]


def _listed(name: str, cards: tuple[ModelCard, ...]) -> str | None:
    """The name of a card, also behind `cc:`. Full ids that are not listed are for later: they may have suffixes."""
    bare = _bare(name)
    is_listed = any(bare.lower() in {card.id.lower(), card.resolved.lower()} for card in cards)
    return known_name(bare, cards) if is_listed else None


def _bare(name: str) -> str:
    for prefix in (ALIAS_PREFIX, "anthropic/", "anthropic:"):
        if name.lower().startswith(prefix):
            return name[len(prefix) :]
    return name


def _without_suffixes(name: str, cards: tuple[ModelCard, ...]) -> tuple[str, str | None]:
    """The name before its known suffixes, and the effort that they say: the strongest of them, as in `-extra-high`."""
    stem, found = name, []
    while not _listed(stem, cards):
        before, dash, suffix = stem.rpartition("-")
        if not dash or not before or suffix.lower() not in _SUFFIXES:
            break
        stem = before
        found.append(suffix.lower())
    efforts = [effort for suffix in found if (effort := _SUFFIXES[suffix]) is not None]
    if efforts:
        return stem, max(efforts, key=_EFFORTS.index)
    return stem, _THINKING if {"thinking", "reasoning"} & set(found) else None


def _respelled(name: str) -> str:
    """`claude-4.6-opus` and `claude-opus-4.6` as Claude's API spells it."""
    if match := _NUMBER_FIRST.fullmatch(name):
        return f"claude-{match['family']}-{match['major']}-{match['minor'] or 0}".lower()
    return _DOTTED.sub("-", name) if name.lower().startswith("claude-") else name
