"""Which models the names in a key's rights allow."""

import pytest

from server.conversation.models import ModelCard, allowed_cards, is_allowed

CARDS = (
    ModelCard("default", "claude-sonnet-5", "Default"),
    ModelCard("sonnet", "claude-sonnet-5", "Sonnet"),
    ModelCard("sonnet[1m]", "claude-sonnet-5[1m]", "Sonnet, 1M"),
    ModelCard("haiku", "claude-haiku-4-5-20251001", "Haiku"),
)


@pytest.mark.parametrize(
    ("model", "allowed", "expected"),
    [
        ("sonnet", (), True),
        ("sonnet", ("sonnet",), True),
        ("default", ("sonnet",), True),
        ("claude-sonnet-5", ("SONNET",), True),
        ("sonnet", ("claude-sonnet-*",), True),
        ("sonnet", ("cc:sonnet",), True),
        ("sonnet[1m]", ("sonnet",), False),
        ("sonnet[1m]", ("sonnet[1m]",), True),
        ("sonnet[1m]", ("*sonnet*",), True),
        ("haiku", ("sonnet", "claude-sonnet-*"), False),
        ("haiku", ("hai",), False),
        ("haiku", ("h.iku",), False),
        ("claude-opus-9", ("claude-opus-*",), True),
        ("claude-opus-9", ("opus",), False),
    ],
)
def test_a_model_is_known_by_all_its_names(model: str, allowed: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(model, allowed, CARDS) is expected


def test_cards_of_other_models_are_left_out() -> None:
    assert [card.id for card in allowed_cards(CARDS, ("sonnet",))] == ["default", "sonnet"]
    assert allowed_cards(CARDS, ()) == CARDS
