"""The effort and the switch for thinking, as many APIs write them."""

from typing import Any

import pytest

from server.dialects.common.effort import Effort, ThinkingFields, effort_in

OFF = Effort("low", thinks=False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Effort()),
        *[({"reasoning_effort": word}, Effort()) for word in ("", "auto", "Default", " ", "unset")],
        *[({"reasoning_effort": word}, OFF) for word in ("none", "off", "disabled", "NONE")],
        ({"reasoning_effort": "High"}, Effort("high")),
        ({"reasoning_effort": "x-high"}, Effort("xhigh")),
        ({"reasoning_effort": "much"}, Effort(ignored=("reasoning_effort",))),
        ({"reasoning_effort": 5}, Effort(ignored=("reasoning_effort",))),
        ({"reasoning_effort": ["low"]}, Effort(ignored=("reasoning_effort",))),
        ({"reasoning": {"effort": "much"}}, Effort(ignored=("reasoning.effort",))),
        ({"reasoning": {"effort": "max"}}, Effort("max")),
        ({"reasoning_effort": "high", "reasoning": {"effort": "low"}}, Effort("high", ignored=("reasoning.effort",))),
        ({"reasoning": {"max_tokens": 0}}, OFF),
        ({"reasoning": {"enabled": False}}, OFF),
        ({"reasoning": {"enabled": False, "effort": "high"}}, OFF),
        ({"reasoning": {"enabled": True, "max_tokens": 2000}}, Effort(ignored=("reasoning.max_tokens",))),
        ({"reasoning": False}, OFF),
        ({"thinking": {"type": "disabled"}}, OFF),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, Effort(ignored=("thinking.budget_tokens",))),
        ({"thinking": {"type": "enabled", "budget_tokens": 0}}, OFF),
        ({"thinking": "disabled"}, OFF),
        ({"thinking": "high"}, Effort("high")),
        ({"enable_thinking": False}, OFF),
        ({"enable_thinking": "false"}, OFF),
        ({"enable_thinking": True}, Effort()),
        ({"think": False}, OFF),
        ({"think": "low"}, Effort("low")),
        ({"chat_template_kwargs": {"enable_thinking": False}}, OFF),
        ({"chat_template_kwargs": {"thinking": False}}, OFF),
        ({"chat_template_kwargs": "x"}, Effort()),
        ({"thinking_budget": 0}, OFF),
        ({"thinking_budget": -1}, Effort()),
        ({"thinking_budget": 100}, Effort(ignored=("thinking_budget",))),
        # Claude's effort also applies to answers without thinking.
        ({"reasoning_effort": "high", "enable_thinking": False}, Effort("high", thinks=False)),
    ],
    ids=str,
)
def test_what_the_fields_ask_for(fields: dict[str, Any], expected: Effort) -> None:
    assert effort_in(ThinkingFields.model_validate(fields)) == expected


def test_the_dialects_own_field_is_the_strongest() -> None:
    fields = ThinkingFields.model_validate({"reasoning_effort": "low", "thinking": {"type": "disabled"}})
    assert effort_in(fields, ("output_config.effort", "max")) == Effort(
        "max", thinks=False, ignored=("reasoning_effort",)
    )
