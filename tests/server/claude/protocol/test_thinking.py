import pytest

from server.claude.protocol.thinking import can_stop_thinking, takes_sampling, thinks_by_budget

MODELS: list[tuple[str | None, bool, bool, bool]] = [
    ("claude-haiku-4-5", True, True, True),
    ("claude-haiku-4-5-20251001", True, True, True),
    ("claude-opus-4-1-20250805", True, True, True),
    ("claude-sonnet-4-20250514", True, True, True),
    ("claude-sonnet-4-6", False, True, True),
    ("claude-opus-4-7", False, True, False),
    ("claude-sonnet-5-5", False, False, False),
    ("claude-sonnet-5-5[1m]", False, False, False),
    ("claude-3-5-haiku-20241022", False, False, True),
    ("sonnet", False, False, False),
    ("claude-of-tomorrow", False, False, False),
    (None, False, False, False),
]


@pytest.mark.parametrize(("model", "by_budget", "stops", "samples"), MODELS)
def test_what_a_model_can_do_without(model: str | None, by_budget: bool, stops: bool, samples: bool) -> None:
    assert (thinks_by_budget(model), can_stop_thinking(model), takes_sampling(model)) == (by_budget, stops, samples)
