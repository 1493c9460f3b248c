"""Parses the model names that clients send: aliases with a prefix, suffixes for the effort.

Cursor rewrites names that contain `claude-`, resolves exact names of its own itself, and appends its picker's choices,
as in `claude-4.6-opus-high-thinking`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from server.claude.cli.models import ALIASES, canonical_name
from server.conversation.models import ModelCard
from server.conversation.request import ALIAS_PREFIX

# In ascending order, as in Claude's API.
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
# Suffixes of Cursor's picker and their effort; None: a known suffix without one.
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
# The effort of a thinking suffix that names none.
_THINKING = "high"
# As Cursor and others write it: `claude-4.6-opus`; in Claude's API the family has come first since generation 4.
_NUMBER_FIRST = re.compile(r"claude-(?P<major>[4-9]|\d\d)(?:[.-](?P<minor>\d{1,2}))?-(?P<family>[a-z]+)", re.IGNORECASE)
_DOTTED = re.compile(r"(?<=\d)\.(?=\d)")


@dataclass(frozen=True, slots=True)
class NamedModel:
    """What a name selects: a model (None: not one of Claude's), and an effort if the name has one."""

    model: str | None
    effort: str | None = None


def parse_model_name(name: str, cards: Iterable[ModelCard]) -> NamedModel:
    """Resolves `name`; an unknown suffix is part of it. An unsupported effort becomes the nearest supported one."""
    cards = tuple(cards)
    name = name.strip()
    if exact := _listed(name, cards):
        return NamedModel(exact)
    stem, effort = _without_suffixes(name, cards)
    model = _listed(stem, cards) or canonical_name(_respelled(_bare(stem)), cards)
    if model is None:
        # Other vendors' names may end in "-max" without meaning an effort.
        return NamedModel(None, None if effort == "max" else effort)
    return NamedModel(model, nearest_effort(effort, model, cards))


def nearest_effort(effort: str | None, model: str | None, cards: Iterable[ModelCard]) -> str | None:
    """The effort, or the nearest that the model supports, preferably a lower one. Unlisted models keep `effort`."""
    card = next((card for card in cards if model in {card.id, card.resolved}), None)
    # The efforts of `ALIASES` are unknown.
    if effort is None or card is None or card in ALIASES or effort in card.efforts:
        return effort
    supported = [_EFFORTS.index(known) for known in card.efforts if known in _EFFORTS]
    if not supported:
        return None
    below = [level for level in supported if level < _EFFORTS.index(effort)]
    return _EFFORTS[max(below) if below else min(supported)]


def _listed(name: str, cards: tuple[ModelCard, ...]) -> str | None:
    """The name of a listed model, also behind a prefix. Ids that are not listed may have suffixes and come later."""
    bare = _bare(name)
    is_listed = any(bare.lower() in {card.id.lower(), card.resolved.lower()} for card in cards)
    return canonical_name(bare, cards) if is_listed else None


def _bare(name: str) -> str:
    for prefix in (ALIAS_PREFIX, "anthropic/", "anthropic:"):
        if name.lower().startswith(prefix):
            return name[len(prefix) :]
    return name


def _without_suffixes(name: str, cards: tuple[ModelCard, ...]) -> tuple[str, str | None]:
    """The name without its known suffixes, and their effort: the highest of them, as in `-extra-high`."""
    stem, suffixes = name, []
    while not _listed(stem, cards):
        before, dash, suffix = stem.rpartition("-")
        if not dash or not before or suffix.lower() not in _SUFFIXES:
            break
        stem = before
        suffixes.append(suffix.lower())
    efforts = [effort for suffix in suffixes if (effort := _SUFFIXES[suffix]) is not None]
    if efforts:
        return stem, max(efforts, key=_EFFORTS.index)
    return stem, _THINKING if {"thinking", "reasoning"} & set(suffixes) else None


def _respelled(name: str) -> str:
    """`claude-4.6-opus` and `claude-opus-4.6` as Claude's API spells it."""
    if match := _NUMBER_FIRST.fullmatch(name):
        return f"claude-{match['family']}-{match['major']}-{match['minor'] or 0}".lower()
    return _DOTTED.sub("-", name) if name.lower().startswith("claude-") else name
