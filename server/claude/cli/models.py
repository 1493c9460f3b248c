"""The models of the signed-in account, as Claude Code lists them, and a file that caches the list."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from server.conversation.models import ModelCard, ModelLimits
from server.machine.files.atomic_files import replace_file

logger = logging.getLogger(__name__)

DEFAULT = "default"
# Current ids, and those before generation 4: claude-sonnet-4-5-20250929, claude-3-5-haiku-latest.
_CURRENT = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?:-\d{8}|-latest)?(?:\[1m\])?")
_BEFORE_4 = re.compile(r"claude-(\d)(?:-(\d))?-[a-z]+(?:-\d{8}|-latest)?")


def cards_from_answer(answer: Mapping[str, object]) -> tuple[ModelCard, ...]:
    """Reads the response to `list_models`; skips rows without an id."""
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


# Listed until Claude Code has answered once on this computer: its built-in aliases, which it resolves itself.
ALIASES: tuple[ModelCard, ...] = (
    ModelCard(DEFAULT, DEFAULT, "Claude Code's default"),
    ModelCard("opus", "opus", "Opus"),
    ModelCard("sonnet", "sonnet", "Sonnet"),
    ModelCard("haiku", "haiku", "Haiku"),
)


def canonical_name(name: str, cards: Iterable[ModelCard]) -> str | None:
    """`name` as Claude Code spells it, without a router's prefix `anthropic/`; None if it is not a model of Claude."""
    bare = name.strip().removeprefix("anthropic/")
    for card in cards:
        if bare.lower() in {card.id.lower(), card.resolved.lower()}:
            return card.id if bare.lower() == card.id.lower() else card.resolved
    return bare if bare.lower().startswith("claude-") else None


def generation_of(model: str | None) -> tuple[int, int] | None:
    """The generation in a model's id, as (4, 5); None if it has none, such as an alias."""
    match = _CURRENT.fullmatch(model or "") or _BEFORE_4.fullmatch(model or "")
    return None if match is None else (int(match[1]), int(match[2] or 0))


class ModelCache:
    """The latest model list, kept in a file, so that it is available directly after a restart."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._limits: dict[str, ModelLimits] = {}
        self._cards = ALIASES
        self._load()
        self._combine()

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models of the account, with their limits where known."""
        return self._combined

    def set_cards(self, cards: tuple[ModelCard, ...]) -> None:
        """Replaces the list with a new one from Claude Code."""
        if cards != self._cards:
            self._cards = cards
            self._combine()
            self._save()

    def set_limits(self, limits: ModelLimits) -> None:
        """Records a model's limits, which Claude Code reports with an answer."""
        if self._limits.get(limits.model) != limits:
            self._limits[limits.model] = limits
            self._combine()
            self._save()

    def _combine(self) -> None:
        # Once for each change: every request reads them.
        self._combined = tuple(self._with_limits(card) for card in self._cards)

    def _with_limits(self, card: ModelCard) -> ModelCard:
        limits = self._limits.get(card.resolved)
        if limits is None:
            return card
        return replace(card, context_length=limits.context_length, max_output_tokens=limits.max_output_tokens)

    def _load(self) -> None:
        try:
            saved = json.loads(self._file.read_text(encoding="utf-8"))
            self._cards = (
                tuple(ModelCard(**{**row, "efforts": tuple(row["efforts"])}) for row in saved["cards"]) or ALIASES
            )
            self._limits = {row["model"]: ModelLimits(**row) for row in saved["limits"]}
        except (OSError, ValueError, TypeError, KeyError):
            # No file yet, or one of another version: the next boot lists the models again.
            self._cards, self._limits = ALIASES, {}

    def _save(self) -> None:
        content = {
            "cards": [asdict(card) for card in self._cards],
            "limits": [asdict(row) for row in self._limits.values()],
        }
        try:
            replace_file(self._file, json.dumps(content, indent=1).encode())
        except OSError as error:
            logger.warning("cannot save the model list: %s", error)
