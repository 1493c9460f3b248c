"""Every setting of a request arrives upstream and does not affect the next request on the same process."""

from dataclasses import replace
from typing import Any

import pytest

from server.conversation.request import ModelSettings, Profile, Tool, ToolChoice
from server.standin.server import Standin
from tests.server.claude.conftest import Bench, conversation
from tests.server.claude.worker.test_session import masked

SCHEMA = (
    '{"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "null"}}, "additionalProperties": false}'
)
FORMAT = {
    "type": "json_schema",
    "schema": {
        "type": "object",
        "properties": {"b": {"type": "string"}, "a": {"type": "null"}},
        "additionalProperties": False,
    },
}
OFF = {"thinking": {"type": "disabled"}, "context_management": {"edits": []}}
NEW, OLD, BUDGETED, ANCIENT = "sonnet", "claude-sonnet-4-6", "claude-haiku-4-5", "claude-3-5-haiku-20241022"
CASES: list[tuple[str, ModelSettings, dict[str, Any]]] = [
    ("a form", ModelSettings(schema=SCHEMA), {"output_config": {"format": FORMAT, "effort": "medium"}}),
    (
        "a form and an effort",
        ModelSettings(schema=SCHEMA, effort="low"),
        {"output_config": {"format": FORMAT, "effort": "low"}},
    ),
    ("an effort", ModelSettings(effort="high"), {"output_config": {"effort": "high"}}),
    ("a limit", ModelSettings(max_tokens=2000), {"max_tokens": 2000}),
    ("stop sequences", ModelSettings(stop_sequences=("a", "\nb")), {"stop_sequences": ["a", "\nb"]}),
    ("another model", ModelSettings(model="haiku"), {"model": "claude-haiku-5-5"}),
    ("shown thoughts", ModelSettings(shows_thinking=True), {"thinking": {"type": "adaptive", "display": "summarized"}}),
    (
        "thoughts of a budget",
        ModelSettings(BUDGETED, shows_thinking=True),
        {"thinking": {"budget_tokens": 31999, "type": "enabled"}},
    ),
    (
        "no thoughts where they must be",
        ModelSettings(thinks=False),
        {"thinking": {"type": "adaptive", "display": "updates"}},
    ),
    ("no thoughts", ModelSettings(OLD, thinks=False), OFF),
    ("no thoughts of a budget", ModelSettings(BUDGETED, thinks=False), OFF),
    ("a limit below a budget", ModelSettings(BUDGETED, max_tokens=700), {**OFF, "max_tokens": 700}),
    ("a forced call", ModelSettings(tool_choice=ToolChoice("any")), {"tool_choice": {"type": "any"}}),
    ("a forced call of one that thinks by a budget", ModelSettings(BUDGETED, tool_choice=ToolChoice("any")), OFF),
    ("a forced call of one that need not think", ModelSettings(OLD, tool_choice=ToolChoice("tool", "look")), OFF),
    ("sampling", ModelSettings(OLD, temperature=0.3), {**OFF, "temperature": 0.3}),
    ("the other sampling", ModelSettings(OLD, top_p=0.5), {**OFF, "top_p": 0.5}),
    ("both", ModelSettings(OLD, temperature=0.3, top_p=0.5), {**OFF, "temperature": 0.3, "top_p": None}),
    (
        "sampling of an ancient one",
        ModelSettings(ANCIENT, temperature=0.3, top_p=0.5),
        {"temperature": 0.3, "top_p": 0.5},
    ),
    ("sampling where none is taken", ModelSettings(temperature=0.3, top_p=0.5), {"temperature": None, "top_p": None}),
]
PROFILE = Profile("Be terse.", tools=(Tool("look", "Looks.", '{"type": "object"}'),))


@pytest.mark.parametrize(("settings", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_a_setting_applies_to_its_request_only(
    bench: Bench, standin: Standin, settings: ModelSettings, expected: dict[str, Any]
) -> None:
    worker = await bench.warm(PROFILE)
    plain = ModelSettings(model=NEW)
    for one in (plain, settings if settings.model else replace(settings, model=NEW), plain):
        async for _ in worker.ask(PROFILE, one, conversation("one")):
            pass
    before, found, again = (recorded.body for recorded in standin.requests)
    fresh = bench.first.setdefault((worker, ("one",)), masked(before))
    assert {name: found.get(name) for name in expected} == expected
    assert all(recorded.refusal is None for recorded in standin.requests)
    assert masked(again) == masked(before) == fresh
