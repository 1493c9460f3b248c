"""The models of this account, live from Claude Code, and which of them a name asks for."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from server.conversation.models import ModelCard, ModelLimits

logger = logging.getLogger(__name__)

DEFAULT = "default"
# Names of today, and of those before 4: claude-sonnet-4-5-20250929, claude-3-5-haiku-latest.
_TODAY = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?:-\d{8}|-latest)?(?:\[1m\])?")
_BEFORE = re.compile(r"claude-(\d)(?:-(\d))?-[a-z]+(?:-\d{8}|-latest)?")


def cards_from_answer(answer: Mapping[str, object]) -> tuple[ModelCard, ...]:
    """Reads the answer of `list_models`; rows that are not understood are left out."""
    rows = answer.get("models")
    return tuple(_card(row) for row in (rows if isinstance(rows, list) else []) if _is_row(row))


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("value"), str) and bool(row["value"])


def _card(row: Mapping[str, object]) -> ModelCard:
    efforts = row.get("supportedEffortLevels")
    return ModelCard(
        id=str(row["value"]),
        resolved=str(row.get("resolvedModel") or row["value"]),
        name=str(row.get("displayName") or row["value"]),
        description=str(row.get("description") or ""),
        efforts=tuple(str(effort) for effort in efforts) if isinstance(efforts, list) else (),
    )


# Served until Claude Code has answered once on this computer: its own aliases, which it resolves itself.
ALIASES: tuple[ModelCard, ...] = (
    ModelCard(DEFAULT, DEFAULT, "Claude Code's default"),
    ModelCard("opus", "opus", "Opus"),
    ModelCard("sonnet", "sonnet", "Sonnet"),
    ModelCard("haiku", "haiku", "Haiku"),
)


def known_name(asked: str, cards: Iterable[ModelCard]) -> str | None:
    """`asked` as Claude Code knows it; None when it is no model of Claude's.

    `anthropic/` in front is how routers write it. Any `claude-` id is taken: old ones, and ones newer than the list.
    """
    name = asked.strip().removeprefix("anthropic/")
    for card in cards:
        if name.lower() in {card.id.lower(), card.resolved.lower()}:
            return card.id if name.lower() == card.id.lower() else card.resolved
    return name if name.lower().startswith("claude-") else None


def generation_of(model: str | None) -> tuple[int, int] | None:
    """The generation that a model's id names, as (4, 5); None where it names none, as an alias does."""
    found = _TODAY.fullmatch(model or "") or _BEFORE.fullmatch(model or "")
    return None if found is None else (int(found[1]), int(found[2] or 0))


class ModelShelf:
    """The models last heard of, kept in a file, so that the list is true at once after a restart."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._limits: dict[str, ModelLimits] = {}
        self._cards = ALIASES
        self._load()

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models of this account, with what is known of their sizes."""
        return tuple(self._with_limits(card) for card in self._cards)

    def heard(self, cards: tuple[ModelCard, ...]) -> None:
        """Claude Code has listed its models."""
        if cards != self._cards:
            self._cards = cards
            self._save()

    def learned(self, limits: ModelLimits) -> None:
        """An answer has told of its model's size."""
        if self._limits.get(limits.model) != limits:
            self._limits[limits.model] = limits
            self._save()

    def _with_limits(self, card: ModelCard) -> ModelCard:
        limits = self._limits.get(card.resolved)
        if limits is None:
            return card
        return replace(card, context_length=limits.context_length, max_output_tokens=limits.max_output_tokens)

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            self._cards = (
                tuple(ModelCard(**{**row, "efforts": tuple(row["efforts"])}) for row in kept["cards"]) or ALIASES
            )
            self._limits = {row["model"]: ModelLimits(**row) for row in kept["limits"]}
        except (OSError, ValueError, TypeError, KeyError):
            # Nothing kept yet, or by another version: the next boot lists them anew.
            self._cards, self._limits = ALIASES, {}

    def _save(self) -> None:
        kept = {
            "cards": [asdict(card) for card in self._cards],
            "limits": [asdict(row) for row in self._limits.values()],
        }
        new = self._file.with_name(f"{self._file.name}.new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            new.replace(self._file)
        except OSError as error:
            logger.warning("the model list cannot be kept: %s", error)
