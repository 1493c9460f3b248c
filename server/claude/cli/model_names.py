"""Parses the model names that clients send: aliases with a prefix, names of other clouds, suffixes for the effort.

A name in which a family of Claude's stands as a word always means that family, never another one.

Cursor rewrites names that contain `claude-`, resolves exact names of its own itself, and appends its picker's choices,
as in `claude-4.6-opus-high-thinking`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from server.claude.cli.models import ALIASES, DEFAULT, canonical_name
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
# The effort for suffixes such as `-thinking` that name none.
_THINKING = "high"
# As Cursor and others write it: `claude-4.6-opus`; in Claude's API the family has come first since generation 4.
_NUMBER_FIRST = re.compile(r"claude-(?P<major>[4-9]|\d\d)(?:[.-](?P<minor>\d{1,2}))?-(?P<family>[a-z]+)", re.IGNORECASE)
_DOTTED = re.compile(r"(?<=\d)\.(?=\d)")
_PLAIN_ID = re.compile(r"claude-(?=[a-z-]*\d)[a-z0-9-]+(?:\[1m\])?", re.IGNORECASE)
_LONG = "[1m]"
_FAMILIES = frozenset({"opus", "sonnet", "haiku"})
_OF_CARD = re.compile(r"claude-(?:[0-9-]+-)?([a-z]+)")
# A tag such as OpenRouter's `:thinking`.
_TAG = re.compile(r"(.+[a-z0-9]):([a-z]+)", re.IGNORECASE)
_VERSION = r"(?P<major>\d{1,2})(?!\d)(?:-(?P<minor>\d{1,2})(?!\d))?"
_DATE = r"(?:-v\d)?(?:-(?P<date>\d{8}|latest))?(?![0-9a-z])"


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
    if (tag := _TAG.fullmatch(name)) and tag[2].lower() in _SUFFIXES and f"{tag[1].lower()}:" not in _PREFIXES:
        name = f"{tag[1]}-{tag[2]}"
    stem, effort = _without_suffixes(name, cards)
    model = _listed(stem, cards) or _claude_id(_respelled(_bare(stem)), cards)
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
    """The name of a listed model, with or without a prefix in `name`; None for names that are not listed."""
    bare = _bare(name)
    is_listed = any(bare.lower() in {card.id.lower(), card.resolved.lower()} for card in cards)
    return canonical_name(bare, cards) if is_listed else None


def _claude_id(name: str, cards: tuple[ModelCard, ...]) -> str | None:
    """The model id for `name`: an id unchanged, else by the family in it, else any name that starts with `claude-`."""
    plain = canonical_name(name.lower(), cards) if _PLAIN_ID.fullmatch(name) else None
    return plain or _by_family(name, cards) or canonical_name(name, cards)


def _by_family(name: str, cards: tuple[ModelCard, ...]) -> str | None:
    """The model whose family is a word in `name`: of the version next to it, if any, else the family's listed model.

    Covers the names of Bedrock (`us.anthropic.claude-opus-4-5-20251101-v1:0`), Vertex (`claude-opus-4-5@20251101`) and
    routers (`openai/opus`), tags (`opus:latest`) and display names (`Claude Opus 4.5`).
    """
    families = _FAMILIES | {match[1] for card in cards for match in _OF_CARD.finditer(card.resolved.lower())}
    lowered = name.lower()
    # The last part of a path is the model; the parts before it are vendors.
    for text in (lowered.rpartition("/")[2], lowered):
        words = re.findall(r"[a-z]+", text)
        if family := next((word for word in words if word in families), None):
            long = _LONG if _LONG in text else ""
            return _versioned(re.sub(r"[^a-z0-9]+", "-", text), family, long, cards) or _newest(family, long, cards)
    return None


def _versioned(text: str, family: str, long: str, cards: tuple[ModelCard, ...]) -> str | None:
    after = re.search(rf"(?<![a-z]){family}-?{_VERSION}{_DATE}", text)
    match = after or re.search(rf"(?<![0-9a-z]){_VERSION}-?{family}{_DATE}", text)
    if match is None:
        return None
    major, minor, date = match["major"], match["minor"], match["date"]
    if int(major) < 4:
        steps = ["claude", major, minor, family, date]
    else:
        # Ids of 4.0 without a date contain the zero: `claude-opus-4-0`.
        steps = ["claude", family, major, minor or ("0" if major == "4" and date is None else None), date]
    model = "-".join(step for step in steps if step)
    # Bedrock and Vertex have their own form of ids, which the list contains.
    listed = next((card.resolved for card in cards if model in card.resolved.replace("@", "-")), None)
    return listed if listed and not long else canonical_name(model + long, cards)


def _newest(family: str, long: str, cards: tuple[ModelCard, ...]) -> str | None:
    """The listed model of the family, by its alias or its id; else the family's name, which Claude Code may know."""
    if named := canonical_name(family + long, cards):
        return named
    of_family = [
        card for card in cards if card.id != DEFAULT and family in re.findall(r"[a-z]+", card.resolved.lower())
    ]
    return of_family[0].id if of_family else family


_PREFIXES = (ALIAS_PREFIX, "anthropic/", "anthropic:")


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
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
