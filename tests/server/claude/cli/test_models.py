"""Canonical model names, and the cached model list."""

from pathlib import Path

import pytest

from server.claude.cli.models import ALIASES, ModelCache, canonical_name, cards_from_answer
from server.conversation.models import ModelCard, ModelLimits

CARDS = (
    ModelCard("default", "claude-opus-5-5", "Default"),
    ModelCard("sonnet", "claude-sonnet-5-5", "Sonnet", "Efficient", ("low", "high")),
)

NAMES = [
    ("sonnet", "sonnet"),
    ("Sonnet", "sonnet"),
    (" sonnet ", "sonnet"),
    ("claude-sonnet-5-5", "claude-sonnet-5-5"),
    ("anthropic/claude-sonnet-5-5", "claude-sonnet-5-5"),
    ("anthropic/sonnet", "sonnet"),
    ("claude-of-tomorrow", "claude-of-tomorrow"),
    ("default", "default"),
    ("gpt-4o-mini", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "canonical"), NAMES)
def test_a_name_is_one_of_claudes_models_or_none(name: str, canonical: str | None) -> None:
    assert canonical_name(name, CARDS) == canonical


def test_list_and_limits_survive_a_restart(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "deep" / "models.json")
    assert cache.cards == ALIASES
    cache.set_cards(CARDS)
    cache.set_limits(ModelLimits("claude-sonnet-5-5", 1_000_000, 128_000))
    kept = ModelCache(tmp_path / "deep" / "models.json").cards
    assert [card.id for card in kept] == ["default", "sonnet"]
    assert (kept[1].efforts, kept[1].context_length, kept[1].max_output_tokens) == (("low", "high"), 1_000_000, 128_000)
    assert kept[0].context_length is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cards": [{"id": 1}], "limits": []}', '{"cards": [], "limits": []}'])
def test_an_unreadable_file_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "models.json").write_text(text)
    assert ModelCache(tmp_path / "models.json").cards == ALIASES


def test_rows_without_an_id_are_skipped() -> None:
    rows = [{"value": "sonnet", "resolvedModel": "claude-sonnet-5-5"}, {"value": ""}, {"name": "x"}, "y"]
    assert [card.id for card in cards_from_answer({"models": rows})] == ["sonnet"]
    assert cards_from_answer({}) == ()
