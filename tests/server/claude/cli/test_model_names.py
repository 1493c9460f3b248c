"""What a model's name asks for, with the aliases and suffixes that Cursor needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.claude.cli.model_names import Meant, meant_by, nearest_effort
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

NAMES: list[tuple[str, Meant]] = [
    # Aliases that no client takes for its own.
    ("cc:opus", Meant("opus")),
    ("CC:Sonnet", Meant("sonnet")),
    ("cc:default", Meant("default")),
    ("cc:sonnet[1m]", Meant("sonnet[1m]")),
    ("cc:claude-opus-5-5", Meant("claude-opus-5-5")),
    ("anthropic:opus", Meant("opus")),
    ("anthropic/opus", Meant("opus")),
    # Suffixes.
    ("opus-minimal", Meant("opus", "low")),
    ("opus-low", Meant("opus", "low")),
    ("opus-medium", Meant("opus", "medium")),
    ("cc:opus-high", Meant("opus", "high")),
    ("opus-xhigh", Meant("opus", "xhigh")),
    ("opus-extra-high", Meant("opus", "xhigh")),
    ("opus-max", Meant("opus", "max")),
    ("opus-fast", Meant("opus")),
    ("opus-priority", Meant("opus")),
    ("opus-thinking", Meant("opus", "high")),
    ("opus-reasoning", Meant("opus", "high")),
    ("opus-low-thinking", Meant("opus", "low")),
    ("opus-thinking-low-fast", Meant("opus", "low")),
    ("OPUS-High-Thinking", Meant("opus", "high")),
    ("claude-opus-4-6-high", Meant("claude-opus-4-6", "high")),
    ("default-high", Meant("default", "high")),
    # As Cursor's picker spells them.
    ("claude-4.6-opus-high-thinking", Meant("claude-opus-4-6", "high")),
    ("claude-4.6-opus", Meant("claude-opus-4-6")),
    ("claude-4-sonnet-thinking", Meant("claude-sonnet-4-0", "high")),
    ("claude-5.5-sonnet-low", Meant("claude-sonnet-5-5", "low")),
    ("claude-opus-4.6", Meant("claude-opus-4-6")),
    ("anthropic/claude-opus-4.6", Meant("claude-opus-4-6")),
    ("claude-3.5-haiku", Meant("claude-3-5-haiku")),
    ("claude-3-5-haiku-20241022", Meant("claude-3-5-haiku-20241022")),
    # An effort that the model has not.
    ("sonnet-xhigh", Meant("sonnet", "high")),
    ("cc:sonnet-max", Meant("sonnet", "high")),
    ("haiku-high", Meant("haiku")),
    # What is no suffix, or a model's own name.
    ("opus-turbo", Meant(None)),
    ("claude-opus-4-6-turbo", Meant("claude-opus-4-6-turbo")),
    ("nova-high", Meant("nova-high")),
    ("nova-high-low", Meant("nova-high", "low")),
    ("nova", Meant(None)),
    ("high", Meant(None)),
    ("-high", Meant(None)),
    ("cc:", Meant(None)),
    ("", Meant(None)),
    # Models of others.
    ("gpt-5", Meant(None)),
    ("gpt-5-high", Meant(None, "high")),
    ("o3-mini-low", Meant(None, "low")),
    ("gpt-5.1-codex-max", Meant(None)),
]


@pytest.mark.parametrize(("asked", "meant"), NAMES)
def test_a_name_means_a_model_and_perhaps_an_effort(asked: str, meant: Meant) -> None:
    assert meant_by(asked, CARDS) == meant


def test_before_the_models_are_listed_an_effort_is_taken_at_its_word() -> None:
    assert meant_by("cc:opus-xhigh", ALIASES) == Meant("opus", "xhigh")


def test_the_nearest_effort_is_rather_less_than_more() -> None:
    card = ModelCard("m", "claude-m", "M", efforts=("medium", "xhigh", "of tomorrow"))
    assert [nearest_effort(effort, "m", (card,)) for effort in ALL] == ["medium", "medium", "medium", "xhigh", "xhigh"]
    assert nearest_effort("of tomorrow", "m", (card,)) == "of tomorrow"
    assert nearest_effort("high", "another", (card,)) == "high"
    assert nearest_effort(None, "m", (card,)) is None


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["opus", "high", "thinking", "cc:", "claude", "4.6", ""])).map("-".join)
)
def test_whatever_the_name_no_effort_is_meant_that_the_model_has_not(asked: str) -> None:
    meant = meant_by(asked, CARDS)
    for card in CARDS:
        if meant.model in {card.id, card.resolved}:
            assert meant.effort is None or meant.effort in card.efforts
