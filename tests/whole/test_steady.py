"""Failures of Claude's API: retries, the circuit breaker, the fallback model, and recovery."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from server.answering.circuit_breaker import FAILURES
from server.standin.script import Cut, Drop, Gate, Hold, Script, refuse, say
from server.standin.server import Recorded, default_answer, open_standin
from tests.whole.account import sign_in
from tests.whole.bridge import Bridge, data_of, messages, open_bridge, text_of
from tests.whole.limits import limits

NEVER_AGAIN = {"DRAWBRIDGE_RETRIES": "0"}
# In the log, before each retry.
RETRIED = ": retried in "


SHORT_FAILURES: dict[str, tuple[Script, ...]] = {
    "overloaded": (refuse(529), refuse(529)),
    "failing": (refuse(500), refuse(529)),
    "no connection": (Drop(), Drop(reset=True)),
}


async def test_a_short_failure_is_only_a_longer_wait(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        for name, failures in SHORT_FAILURES.items():
            standin.script(*failures, say("Here."))
            reply = await bridge.chat("hi")
            assert (reply.status_code, reply.json()["choices"][0]["message"]["content"]) == (200, "Here."), name
            standin.script(*failures, say("Here."))
            assert text_of(await bridge.stream("hi")) == "Here.", name
            assert (await bridge.health())["circuits"] == [], name


async def test_retries_are_limited_by_the_setting(folder: Path) -> None:
    environment = {"DRAWBRIDGE_RETRIES": "1"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        standin.script(lambda _: refuse(529))
        reply = await bridge.chat("hi")
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "claude_unavailable")
        assert bridge.log.count(RETRIED) == 1


async def test_what_a_retry_cannot_mend_is_answered_at_once(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        for status in (400, 403, 429):
            standin.script(always(refuse(status)))
            assert (await bridge.chat("hi")).status_code == status
        assert RETRIED not in bridge.log


async def test_after_the_first_word_nothing_is_sent_again(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        gate = Gate()
        standin.script(lambda _: say("Half", Hold(gate), Cut()))
        lines = []
        body = {"messages": messages("hi"), "stream": True}
        async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if '"Half"' in line:
                    gate.open()
        assert data_of(lines)[-1]["error"]["code"] == "answer_cut"
        assert RETRIED not in bridge.log


async def test_a_request_is_not_retried_after_a_disconnect(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        await bridge.until_pool(raw=1)
        standin.script(lambda _: refuse(529))
        asking = asyncio.create_task(bridge.chat("hi"))
        async with asyncio.timeout(30):
            while RETRIED not in bridge.log:
                await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await bridge.until_pool(answering=0, waiting=0)
        standin.script(default_answer)
        seen = len(standin.requests)
        assert (await bridge.chat("and you?")).status_code == 200
        assert len(standin.requests) == seen + 1


async def test_the_fallback_model_answers_for_an_overloaded_one(folder: Path) -> None:
    environment = {"DRAWBRIDGE_FALLBACK_MODEL": "haiku", **NEVER_AGAIN}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        for status in (529, 429):
            standin.script(partial(only_haiku, status))
            reply = await bridge.chat("hi", model="opus")
            assert reply.status_code == 200
            assert reply.json()["model"] == "opus"
            assert reply.headers["x-drawbridge-model"].startswith("claude-haiku")
        standin.script(lambda _: refuse(529))
        assert (await bridge.chat("hi", model="opus")).status_code == 503


async def test_an_api_that_keeps_failing_gets_no_more_requests(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, environment=NEVER_AGAIN) as bridge:
        standin.script(lambda _: refuse(529))
        for _ in range(FAILURES):
            assert (await bridge.chat("hi")).status_code == 503
        seen = len(standin.requests)
        replies = await asyncio.gather(*(bridge.chat("hi") for _ in range(20)))
        assert {reply.status_code for reply in replies} == {503}
        assert not any("retry-after" in reply.headers for reply in replies)
        assert len(standin.requests) == seen
        health = await bridge.health()
        assert [circuit["cause"] for circuit in health["circuits"]] == ["upstream"]
        assert health["trouble"].startswith("Claude's API failed (sonnet); next try at ")
        # The circuit is of one model only.
        standin.script(default_answer)
        assert (await bridge.chat("hi", model="opus")).status_code == 200
        await heals(bridge)


async def test_a_lost_sign_in_is_reported_at_once_and_recovers(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        standin.script(lambda _: refuse(401, "OAuth token has expired"))
        assert (await bridge.chat("hi")).status_code == 401
        seen = len(standin.requests)
        told = await bridge.chat("hi", model="opus")
        assert (told.status_code, told.json()["error"]["code"]) == (401, "claude_sign_in_needed")
        assert "OAuth token has expired" in told.json()["error"]["message"]
        assert told.headers["x-should-retry"] == "false"
        assert len(standin.requests) == seen
        assert [circuit["cause"] for circuit in (await bridge.health())["circuits"]] == ["sign in"]
        standin.script(default_answer)
        await heals(bridge)


async def test_a_reached_limit_is_reported_without_a_request_until_its_end(folder: Path) -> None:
    soon = int(time.time()) + 3600
    rejected = limits("1.0", "0.25", status="rejected", soon=soon, later=soon + 86_400)
    sign_in(folder / "home")
    async with open_standin() as standin:
        plan = {"ANTHROPIC_BASE_URL": standin.url}
        async with open_bridge(None, folder, environment=plan) as bridge:
            standin.script(lambda _: refuse(429, "You have hit your limit", headers=rejected))
            assert (await bridge.chat("hi")).status_code == 429
            seen = len(standin.requests)
            standin.script(default_answer)
            reply = await bridge.chat("hi")
            assert (reply.status_code, reply.json()["error"]["code"]) == (429, "insufficient_quota")
            assert 3000 < int(reply.headers["retry-after"]) <= 3600
            assert len(standin.requests) == seen
            (circuit,) = (await bridge.health())["circuits"]
            assert (circuit["cause"], circuit["until"]) == ("limit", soon)
            used = [(window["name"], window["used"]) for window in (await bridge.health())["usage"]]
            assert used == [("5 hours", 1.0), ("Week", 0.25)]
            page = (await bridge.client.get(bridge.url.removesuffix("/v1") + "/", headers={"accept": "text/html"})).text
            assert "5 hours: limit reached, resets " in page


async def test_without_the_breaker_every_request_is_sent(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--without-breaker") as bridge:
        standin.script(lambda _: refuse(401))
        assert (await bridge.chat("hi")).status_code == 401
        seen = len(standin.requests)
        assert (await bridge.chat("hi")).status_code == 401
        assert len(standin.requests) > seen


def always(script: Script) -> Callable[[Recorded], Script]:
    """Answers every request with `script`."""
    return lambda _: script


def only_haiku(status: int, recorded: Recorded) -> Script:
    return say("Haiku.") if "haiku" in str(recorded.body["model"]) else refuse(status)


async def heals(bridge: Bridge) -> None:
    """Sends requests until one is answered: the circuit breaker lets one through now and then."""
    async with asyncio.timeout(30):
        while (await bridge.chat("hi")).status_code != 200:
            await asyncio.sleep(0.2)
    assert (await bridge.health())["circuits"] == []
