"""Model names, with the aliases and suffixes that Cursor needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.claude.cli.model_names import NamedModel, nearest_effort, parse_model_name
from server.claude.cli.models import ALIASES
from server.conversation.models import ModelCard

ALL = ("low", "medium", "high", "xhigh", "max")
CARDS = (
    ModelCard("default", "claude-opus-5-5", "Default", efforts=ALL),
    ModelCard("opus", "claude-opus-5-5", "Opus", efforts=ALL),
    ModelCard("sonnet", "claude-sonnet-5-5", "Sonnet", efforts=("low", "medium", "high")),
    ModelCard("sonnet[1m]", "claude-sonnet-5-5[1m]", "Sonnet, long", efforts=("low", "medium", "high")),
    ModelCard("haiku", "claude-haiku-4-5", "Haiku"),
    ModelCard("nova-high", "claude-nova-6", "One whose own name ends as a suffix does", efforts=ALL),
)

NAMES: list[tuple[str, NamedModel]] = [
    # Aliases that no client takes for its own.
    ("cc:opus", NamedModel("opus")),
    ("CC:Sonnet", NamedModel("sonnet")),
    ("cc:default", NamedModel("default")),
    ("cc:sonnet[1m]", NamedModel("sonnet[1m]")),
    ("cc:claude-opus-5-5", NamedModel("claude-opus-5-5")),
    ("anthropic:opus", NamedModel("opus")),
    ("anthropic/opus", NamedModel("opus")),
    # Suffixes.
    ("opus-minimal", NamedModel("opus", "low")),
    ("opus-low", NamedModel("opus", "low")),
    ("opus-medium", NamedModel("opus", "medium")),
    ("cc:opus-high", NamedModel("opus", "high")),
    ("opus-xhigh", NamedModel("opus", "xhigh")),
    ("opus-extra-high", NamedModel("opus", "xhigh")),
    ("opus-max", NamedModel("opus", "max")),
    ("opus-fast", NamedModel("opus")),
    ("opus-priority", NamedModel("opus")),
    ("opus-thinking", NamedModel("opus", "high")),
    ("opus-reasoning", NamedModel("opus", "high")),
    ("opus-low-thinking", NamedModel("opus", "low")),
    ("opus-thinking-low-fast", NamedModel("opus", "low")),
    ("OPUS-High-Thinking", NamedModel("opus", "high")),
    ("claude-opus-4-6-high", NamedModel("claude-opus-4-6", "high")),
    ("default-high", NamedModel("default", "high")),
    # As Cursor's picker spells them.
    ("claude-4.6-opus-high-thinking", NamedModel("claude-opus-4-6", "high")),
    ("claude-4.6-opus", NamedModel("claude-opus-4-6")),
    ("claude-4-sonnet-thinking", NamedModel("claude-sonnet-4-0", "high")),
    ("claude-5.5-sonnet-low", NamedModel("claude-sonnet-5-5", "low")),
    ("claude-opus-4.6", NamedModel("claude-opus-4-6")),
    ("anthropic/claude-opus-4.6", NamedModel("claude-opus-4-6")),
    ("claude-3.5-haiku", NamedModel("claude-3-5-haiku")),
    ("claude-3-5-haiku-20241022", NamedModel("claude-3-5-haiku-20241022")),
    # An effort that the model has not.
    ("sonnet-xhigh", NamedModel("sonnet", "high")),
    ("cc:sonnet-max", NamedModel("sonnet", "high")),
    ("haiku-high", NamedModel("haiku")),
    # What is no suffix, or a model's own name.
    ("opus-turbo", NamedModel("opus")),
    ("claude-opus-4-6-turbo", NamedModel("claude-opus-4-6-turbo")),
    ("nova-high", NamedModel("nova-high")),
    ("nova-high-low", NamedModel("nova-high", "low")),
    ("nova", NamedModel("nova-high")),
    ("high", NamedModel(None)),
    ("-high", NamedModel(None)),
    ("cc:", NamedModel(None)),
    ("", NamedModel(None)),
    # A family as a word.
    ("openai/opus", NamedModel("opus")),
    ("drawbridge/opus", NamedModel("opus")),
    ("opus:latest", NamedModel("opus")),
    ("models/opus", NamedModel("opus")),
    ("openai/opus-high", NamedModel("opus", "high")),
    ("Claude Haiku", NamedModel("haiku")),
    ("claude-sonnet", NamedModel("sonnet")),
    ("claude-sonnet-latest", NamedModel("sonnet")),
    ("my proxy (haiku)", NamedModel("haiku")),
    ("x/sonnet[1m]", NamedModel("sonnet[1m]")),
    ("openrouter/anthropic/claude-opus-4.5", NamedModel("claude-opus-4-5")),
    ("anthropic/claude-3.7-sonnet:thinking", NamedModel("claude-3-7-sonnet", "high")),
    ("anthropic/claude-sonnet-4.5:beta", NamedModel("claude-sonnet-4-5")),
    ("opus-4.5", NamedModel("claude-opus-4-5")),
    ("opus 4", NamedModel("claude-opus-4-0")),
    ("Claude Opus 4.5", NamedModel("claude-opus-4-5")),
    ("Claude 3.5 Sonnet (New)", NamedModel("claude-3-5-sonnet")),
    ("anthropic.claude-opus-4-5-20251101-v1:0", NamedModel("claude-opus-4-5-20251101")),
    ("bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0", NamedModel("claude-sonnet-4-20250514")),
    ("anthropic.claude-3-5-sonnet-20241022-v2:0", NamedModel("claude-3-5-sonnet-20241022")),
    ("claude-opus-4-5@20251101", NamedModel("claude-opus-4-5-20251101")),
    ("claude-3-5-sonnet-v2@20241022", NamedModel("claude-3-5-sonnet-20241022")),
    ("vertex_ai/claude-opus-4@20250514", NamedModel("claude-opus-4-20250514")),
    ("publishers/anthropic/models/claude-haiku-4-5@20251001", NamedModel("claude-haiku-4-5-20251001")),
    ("opus/latest", NamedModel("opus")),
    ("claude-nova", NamedModel("nova-high")),
    # Not as a word.
    ("octopus", NamedModel(None)),
    ("magnum-opuses", NamedModel(None)),
    # Models of others.
    ("gpt-5", NamedModel(None)),
    ("gpt-5-high", NamedModel(None, "high")),
    ("o3-mini-low", NamedModel(None, "low")),
    ("gpt-5.1-codex-max", NamedModel(None)),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_name_selects_a_model_and_maybe_an_effort(name: str, expected: NamedModel) -> None:
    assert parse_model_name(name, CARDS) == expected


def test_ids_of_bedrock_are_sent_as_they_are_listed() -> None:
    listed = "us.anthropic.claude-opus-4-5-20251101-v1:0"
    cards = (ModelCard("opus", listed, "Opus"),)
    assert parse_model_name("claude-opus-4.5", cards).model == "claude-opus-4-5"
    assert parse_model_name("Claude Opus 4.5", cards).model == listed
    assert parse_model_name(listed, cards).model == listed


def test_before_the_models_are_listed_an_effort_is_unchanged() -> None:
    assert parse_model_name("cc:opus-xhigh", ALIASES) == NamedModel("opus", "xhigh")


def test_the_nearest_effort_is_preferably_a_lower_one() -> None:
    card = ModelCard("m", "claude-m", "M", efforts=("medium", "xhigh", "of tomorrow"))
    assert [nearest_effort(effort, "m", (card,)) for effort in ALL] == ["medium", "medium", "medium", "xhigh", "xhigh"]
    assert nearest_effort("of tomorrow", "m", (card,)) == "of tomorrow"
    assert nearest_effort("high", "another", (card,)) == "high"
    assert nearest_effort(None, "m", (card,)) is None


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["opus", "high", "thinking", "cc:", "claude", "4.6", ""])).map("-".join)
)
def test_no_name_selects_an_effort_that_the_model_lacks(name: str) -> None:
    expected = parse_model_name(name, CARDS)
    for card in CARDS:
        if expected.model in {card.id, card.resolved}:
            assert expected.effort is None or expected.effort in card.efforts
