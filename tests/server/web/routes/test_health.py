import asyncio
import re
from dataclasses import replace
from typing import Literal

import httpx
import pytest

from server.errors import CliFailed
from server.status import AccountStatus, PoolStatus, State
from server.web.routes import health as about
from tests.server.web.scene import STATUS, FakeControl, FakeEngine, client, listening, served

BROWSER = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "sec-fetch-site": "none"}


def keyed(**more: object) -> FakeEngine:
    engine = FakeEngine(**more)  # type: ignore[arg-type]
    engine.change(api_key="gate-key")
    return engine


async def test_health_tells_everything_where_no_key_is_needed() -> None:
    async with client(served(FakeEngine())) as c:
        health = (await c.get("/health")).json()
    assert health["status"] == "ok"
    assert re.match(r"\d+\.\d+", health["version"])
    assert health["state"] == "running"
    assert health["uptime_s"] == 90.0
    assert health["cli"] == {"path": "/usr/bin/claude", "version": "2.1.0"}
    assert health["account"]["payer"] == "plan"
    assert health["pool"]["ready"] == 2
    assert health["pool"]["ways"] == {"process": 7}
    assert health["ollama"] == {"state": "off", "addresses": [], "refused": None}
    assert {"raw", "answering", "parked", "waiting", "size"} <= set(health["pool"])
    assert (health["model"], health["demo"], health["key_required"]) == ("sonnet", False, False)


async def test_health_tells_a_stranger_only_that_it_lives() -> None:
    async with client(served(keyed())) as c:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            reply = await c.get("/health", headers=headers)
            assert reply.status_code == 200
            assert set(reply.json()) == {"status", "version"}
        full = (await c.get("/health", headers={"x-api-key": "gate-key"})).json()
    assert full["key_required"] is True
    assert "pool" in full


async def test_health_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(about, "_ACCOUNT_S", 1000.0)
    engine = FakeEngine(account_waits=asyncio.Event())
    async with client(served(engine)) as c:
        assert (await asyncio.wait_for(c.get("/health"), 30)).status_code == 200


class Slow(asyncio.Event):
    """Claude Code, which is asked for the account and does not answer before it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.asked.set()
        return await super().wait()


async def test_the_page_waits_only_for_an_account_that_is_not_known_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(about, "_PAGE_S", 1000.0)
    known, unknown = FakeEngine(account_waits=Slow()), FakeEngine(account_waits=Slow())
    unknown.state = replace(STATUS, account=AccountStatus())
    for engine in (known, unknown):
        slow = engine.account_waits
        assert isinstance(slow, Slow)
        async with listening(served(engine)) as port, httpx.AsyncClient(timeout=60) as c:
            page = asyncio.create_task(c.get(f"http://127.0.0.1:{port}/", headers=BROWSER))
            # A known one is asked for again, too, but behind the page.
            await slow.asked.wait()
            if engine is unknown:
                await asyncio.sleep(0.1)
                assert not page.done()
                slow.set()
            assert "someone@example.org" in (await page).text or engine is unknown
            slow.set()


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.STOPPED, "running"),
        (State.STARTING, "running"),
        (State.RUNNING, "running"),
        (State.STOPPING, "stopping"),
        (State.FAILED, "failed"),
    ],
)
async def test_a_server_that_answers_is_running_unless_it_is_stopping(state: State, word: str) -> None:
    async with client(served(FakeEngine(state=replace(STATUS, state=state)))) as c:
        assert (await c.get("/health")).json()["state"] == word


async def test_the_account_is_refreshed() -> None:
    async with client(served(FakeEngine())) as c:
        for path in ("/v1/auth/status", "/api/v1/auth/status/", "/auth/status"):
            account = (await c.get(path)).json()
            assert (account["signed_in"], account["payer"], account["email"]) == (True, "plan", "someone@example.org")


async def test_if_the_account_cannot_be_refreshed_the_last_known_one_is_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(about, "_ACCOUNT_S", 0.01)
    for engine in (FakeEngine(account_error=CliFailed()), FakeEngine(account_waits=asyncio.Event())):
        async with client(served(engine)) as c:
            assert (await c.get("/v1/auth/status")).json()["payer"] == "plan"


async def test_the_version_is_returned() -> None:
    async with client(served(FakeEngine())) as c:
        assert set((await c.get("/version")).json()) == {"name", "version"}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/api/v1"])
@pytest.mark.parametrize("accept", ["*/*", "application/json", None])
async def test_a_program_gets_json(path: str, accept: str | None) -> None:
    headers = {"accept": accept} if accept else {}
    async with client(served(FakeEngine())) as c:
        about_us = (await c.get(path, headers=headers)).json()
    assert about_us["name"] == "Drawbridge"
    assert about_us["base_url"] == "http://127.0.0.1:8082/v1"
    assert about_us["docs"] == "/docs"


async def test_a_browser_gets_a_page_that_loads_nothing_from_others_and_runs_nothing_inline() -> None:
    async with client(served(FakeEngine(), control=FakeControl())) as c:
        reply = await c.get("/", headers=BROWSER)
        page = reply.text
        for name in re.findall(r'(?:src|href)="(/[^"]+)"', page):
            assert (await c.get(name)).status_code == 200, name
    assert reply.headers["content-type"].startswith("text/html")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for words in ("connect-src 'self'", "require-trusted-types-for 'script'", "trusted-types 'none'"):
        assert words in policy
    assert reply.headers["x-frame-options"] == "DENY"
    assert not re.search(r"<style|<script(?![^>]*src=)|\son\w+=|style=|(?:src|href)=\"(?!/)", page)
    for words in ("Running", "http://127.0.0.1:8082/v1", "someone@example.org, on the Claude plan", "sonnet", "1 busy"):
        assert words in page


async def test_the_page_escapes_foreign_text() -> None:
    nasty = "<script>alert('x')</script>$token"
    state = replace(
        STATUS, model=nasty, account=AccountStatus(True, detail=nasty, email=nasty), trouble=nasty, base_url=nasty
    )
    async with client(served(FakeEngine(state=state))) as c:
        page = (await c.get("/", headers=BROWSER)).text
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(&#x27;x&#x27;)") == 4


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (replace(STATUS, demo=True), "This is a demo"),
        (replace(STATUS, trouble="The port moved."), "The port moved."),
        (replace(STATUS, pool=PoolStatus(trouble="Claude Code did not start.")), "Claude Code did not start."),
        (replace(STATUS, account=AccountStatus(False, "nobody")), "drawbridge login"),
        (replace(STATUS, account=AccountStatus(None)), "Checking who is signed in"),
        (replace(STATUS, account=AccountStatus(True, "bedrock")), "Amazon Bedrock"),
        (replace(STATUS, model=""), "Claude Code&#x27;s own"),
        (replace(STATUS, started_at=None), "a moment"),
        (replace(STATUS, started_at=STATUS.started_at and STATUS.started_at - 3600 * 30), "1 d 6 h"),
    ],
)
async def test_the_page_shows_the_status(state: object, words: str) -> None:
    async with client(served(FakeEngine(state=state))) as c:  # type: ignore[arg-type]
        assert words in (await c.get("/", headers=BROWSER)).text


async def test_the_page_shows_little_without_the_key() -> None:
    async with client(served(keyed(), control=FakeControl())) as c:
        page = (await c.get("/", headers=BROWSER)).text
    assert "requires an access key" in page
    for words in ("someone@example.org", "Claude Max", "answering", "drawbridge-token", "Stop Drawbridge"):
        assert words not in page
