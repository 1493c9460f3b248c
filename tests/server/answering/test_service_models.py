"""The model and the effort that a request is answered with."""

from dataclasses import replace
from typing import Any

import pytest

from server.config import Config
from server.conversation.parts import Message, Text
from server.conversation.request import ModelSettings
from server.errors import ModelDenied, ModelUnknown, UpstreamDown
from server.model_aliases import ModelAlias
from tests.server.answering.scene import REQUEST, TITLE, WHOLE, ScriptedPool, answering

MODELS: list[tuple[str, dict[str, Any], str | None]] = [
    ("", {}, "sonnet"),
    ("opus", {}, "opus"),
    ("default", {}, None),
    ("gpt-4o-mini", {}, "sonnet"),
    ("gpt-4o-mini", {"model": "default"}, None),
    ("gpt-4o-mini", {"model": "claude-of-tomorrow"}, "claude-of-tomorrow"),
    ("claude-of-tomorrow", {"strict_models": True}, "claude-of-tomorrow"),
    ("", {"strict_models": True}, "sonnet"),
    ("cc:opus", {"strict_models": True}, "opus"),
    ("cc:default", {}, None),
]


@pytest.mark.parametrize(("name", "config", "expected"), MODELS)
async def test_the_model_of_a_name(name: str, config: dict[str, Any], expected: str | None) -> None:
    assert answering(ScriptedPool(), Config(**config)).settings_for(replace(REQUEST, model=name)).model == expected


async def test_strict_names_refuse_an_unknown_one() -> None:
    with pytest.raises(ModelUnknown, match="gpt-4o-mini"):
        answering(ScriptedPool(), Config(strict_models=True)).settings_for(replace(REQUEST, model="gpt-4o-mini"))


EFFORTS: list[tuple[str, ModelSettings, str, str | None]] = [
    ("opus-high", ModelSettings(), "opus", "high"),
    ("cc:opus-low", ModelSettings(), "opus", "low"),
    ("opus-high", ModelSettings(effort="low"), "opus", "low"),
    ("opus-high", ModelSettings(thinks=False), "opus", None),
    ("gpt-5-high", ModelSettings(), "sonnet", "high"),
    ("gpt-4o-mini", ModelSettings(), "sonnet", None),
]


@pytest.mark.parametrize(("name", "settings", "model", "effort"), EFFORTS)
async def test_the_effort_of_the_model_name_holds_unless_the_request_has_one(
    name: str, settings: ModelSettings, model: str, effort: str | None
) -> None:
    found = answering(ScriptedPool()).settings_for(replace(REQUEST, model=name, settings=settings))
    assert (found.model, found.effort) == (model, effort)


async def test_the_effort_of_the_default_models_name_holds_where_no_other_is_given() -> None:
    config = Config(model="opus-low")
    requests = [replace(REQUEST, model=name) for name in ("", "gpt-4o-mini", "gpt-5-high", "sonnet")]
    found = [answering(ScriptedPool(), config).settings_for(request) for request in requests]
    assert [(one.model, one.effort) for one in found] == [
        ("opus", "low"),
        ("opus", "low"),
        ("opus", "high"),
        ("sonnet", None),
    ]


async def test_only_background_requests_get_the_housekeeping_model() -> None:
    title = replace(REQUEST, messages=(Message("user", (Text(TITLE),)),), model="cc:opus-high")
    config = Config(housekeeping_model="sonnet-low", strict_models=True)
    found = [
        answering(ScriptedPool(), config).settings_for(request) for request in (title, replace(REQUEST, model="opus"))
    ]
    assert [(one.model, one.effort) for one in found] == [("sonnet", "low"), ("opus", None)]
    assert answering(ScriptedPool()).settings_for(title).model == "opus"


@pytest.mark.parametrize("name", ["opus", "", "gpt-4o", "cc:opus", "claude-opus-5-5", "opus-high", "default"])
async def test_a_model_that_may_not_answer_is_refused_before_a_worker_is_leased(name: str) -> None:
    pool = ScriptedPool(WHOLE)
    request = replace(REQUEST, model=name, allowed_models=("claude-sonnet-*",))
    with pytest.raises(ModelDenied, match="claude-sonnet"):
        await anext(answering(pool, Config(model="opus")).stream(request))
    assert not pool.settings


async def test_neither_a_fallback_nor_the_housekeeping_model_goes_beyond_the_allowed_ones() -> None:
    config = Config(fallback_model="opus", housekeeping_model="opus", retries=0)
    pool = ScriptedPool([UpstreamDown("overloaded", status=529)])
    title = replace(REQUEST, messages=(Message("user", (Text(TITLE),)),))
    assert answering(pool, config).settings_for(title).model == "opus"
    title = replace(title, allowed_models=("sonnet",))
    assert answering(pool, config).settings_for(title).model == "sonnet"
    with pytest.raises(UpstreamDown):
        await anext(answering(pool, config).stream(replace(REQUEST, allowed_models=("sonnet",))))
    assert [settings.model for settings in pool.settings] == ["sonnet"]


async def test_a_name_of_the_users_own_allows_the_model_that_it_means() -> None:
    service = answering(ScriptedPool(), Config(aliases=(ModelAlias("quick", "sonnet"),)))
    allowed = replace(REQUEST, allowed_models=("quick",))
    assert service.settings_for(replace(allowed, model="quick")).model == "sonnet"
    with pytest.raises(ModelDenied):
        service.settings_for(replace(allowed, model="opus"))
