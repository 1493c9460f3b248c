"""The connect wizard's API: cards, instructions as blocks, and what came from a client."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from server.app import create_app
from server.config import Config
from server.connect.clients import CLIENTS, ClientName
from server.errors import SignInNeeded
from server.status import AccountStatus, SignInAccount
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.arrivals.recent import RecentArrivals
from server.web.control.connecting.markdown_blocks import blocks_of
from server.web.control.parts import Parts
from server.web.journaling import Entry
from tests.server.web.scene import ASK, NOW, FakeControl, FakeEngine, client


class SigningIn(FakeEngine):
    """An engine whose sign-in ends when `ends` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: asyncio.Future[AccountStatus] | None = None

    async def sign_in(self, account: SignInAccount, on_url: Callable[[str], None]) -> AccountStatus:
        self.ends = asyncio.get_running_loop().create_future()
        return await self.ends


class Page:
    """The page, over an application whose requests arrive at `now`."""

    def __init__(self) -> None:
        self.engine, self.control, self.now = SigningIn(), FakeControl(), NOW
        self.arrivals = RecentArrivals()
        app = create_app(
            self.engine.config, self.engine, self.control, parts=Parts(arrivals=self.arrivals), clock=lambda: self.now
        )
        self.app = AccessMiddleware(app, lambda: policy_for(self.engine.config), on_end=self._end)

    def _end(self, entry: Entry, status: int | None) -> None:
        self.arrivals.add(entry, status, at=self.now)

    async def call(self, path: str, method: str = "GET", body: object = None) -> httpx.Response:
        async with client(self.app, **{"x-drawbridge-token": self.control.token}) as c:
            return await c.request(method, f"/control/{path}", json=body)

    async def ask(self, agent: str, path: str = "/v1/chat/completions", **headers: str) -> None:
        async with client(self.app, **{"user-agent": agent}) as c:
            await c.post(path, json=ASK, headers=headers)

    async def seen(self, name: str, since: float = 0.0) -> dict[str, Any]:
        found: dict[str, Any] = (await self.call(f"seen?client={name}&since={since}")).json()
        return found


@pytest.fixture(scope="module")
def whole() -> Page:
    return Page()


@pytest.fixture
def page(whole: Page) -> Page:
    whole.arrivals._kept.clear()
    whole.engine.config, whole.now = Config(), NOW
    return whole


async def test_the_cards_begin_with_the_common_clients_and_have_all(page: Page) -> None:
    found = (await page.call("clients")).json()
    assert [card["name"] for card in found["data"]][:3] == ["cursor", "talon", "cline"]
    assert {card["name"] for card in found["data"]} == set(CLIENTS)
    assert sum(card["common"] for card in found["data"]) == 13
    assert (found["base_url"], found["key_required"]) == ("http://127.0.0.1:8082/v1", False)
    assert not found["was_asked"]
    await page.ask("Cursor/1.0")
    found = (await page.call("clients")).json()
    assert found["was_asked"]
    cards = {card["name"]: card for card in found["data"]}
    assert (cards["cursor"]["seen_at"], cards["talon"]["seen_at"]) == (NOW, None)


@pytest.mark.parametrize("name", CLIENTS)
async def test_instructions_are_blocks_with_the_servers_values(page: Page, name: ClientName) -> None:
    page.engine.config = Config(model="opus", api_key="gate-key")
    reply = await page.call(f"clients/{name}", "POST", {"key": "db-its-own-key", "system": "posix"})
    found = reply.json()
    assert "127.0.0.1:8082" in found["address"]
    assert (found["key_required"], found["key_missing"], found["model"]) == (True, False, "opus")
    assert "db-its-own-key" in reply.text or name == "raycast"
    assert "gate-key" not in reply.text
    kinds = {block["kind"] for block in found["blocks"]}
    assert kinds <= {"text", "list", "code", "fields"}
    assert kinds & {"code", "fields"}
    without = await page.call(f"clients/{name}")
    assert without.json()["key_missing"] is True
    assert "db-its-own-key" not in without.text


async def test_commands_are_for_the_chosen_system(page: Page) -> None:
    for system, word in (("windows", "$env:ANTHROPIC_BASE_URL"), ("posix", "export ANTHROPIC_BASE_URL")):
        reply = await page.call("clients/claude-code", "POST", {"system": system})
        assert word in reply.json()["blocks"][1]["text"]


@pytest.mark.parametrize(
    "body", [None, [], {"key": 1}, {"key": ""}, {"key": "a\nb"}, {"system": "amiga"}, {"system": ["posix"]}]
)
async def test_wrong_choices_are_refused(page: Page, body: object) -> None:
    assert (await page.call("clients/talon", "POST", body)).status_code == 400


async def test_unknown_clients_are_not_found(page: Page) -> None:
    for path in ("clients/unknown", "seen?client=unknown", "seen?client=", "seen"):
        assert (await page.call(path)).status_code == 404
    assert (await page.call("seen?client=curl&since=yesterday")).status_code == 400


async def test_a_client_is_waited_for_refused_and_seen(page: Page) -> None:
    page.engine.config = Config(api_key="gate-key")
    assert (await page.seen("talon"))["state"] == "waiting"
    page.now = NOW + 5
    await page.ask("python-requests/2.32")
    wrong = await page.seen("talon", NOW)
    assert (wrong["state"], wrong["finding"]["kind"], wrong["found_at"]) == ("wrong", "key missing", NOW + 5)
    page.now = NOW + 9
    await page.ask("python-requests/2.32", authorization="Bearer gate-key")
    right = await page.seen("talon", NOW)
    assert (right["state"], right["last"]["at"], right["finding"]) == ("seen", NOW + 9, None)
    assert (await page.seen("talon", NOW + 9))["state"] == "waiting"
    assert [other["app"] for other in (await page.seen("curl", NOW))["others"]] == ["Python requests"]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("cline", "http://127.0.0.1:8082/v1"),
        ("talon", "http://127.0.0.1:8082/v1/chat/completions"),
        ("claude-code", "http://127.0.0.1:8082"),
        ("raycast", "127.0.0.1:8082"),
    ],
)
async def test_a_wrong_address_is_answered_with_the_right_one_for_that_app(page: Page, name: str, address: str) -> None:
    page.arrivals.add_https()
    found = await page.seen(name)
    assert (found["finding"]["kind"], found["finding"]["value"]) == ("https", address)


async def test_an_app_that_adds_no_path_gets_the_whole_address(page: Page) -> None:
    await page.ask("Cline/3.0", "/v1")
    finding = (await page.seen("cline"))["finding"]
    assert "at the end" in finding["help"]
    assert (finding["offer"], finding["value"]) == ("address", "http://127.0.0.1:8082/v1/chat/completions")


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_key_that_nobody_requires_is_not_called_required(page: Page, name: ClientName) -> None:
    reply = await page.call(f"clients/{name}", "POST", {"key": "db-its-own-key"})
    assert not re.search("Drawbridge requires (?!none)", reply.text)


class TestSigningIn:
    async def test_it_waits_and_tells_who_is_signed_in(self, page: Page) -> None:
        assert (await page.call("sign-in")).json()["state"] == "none"
        begun = await page.call("sign-in", "POST", {"account": "claudeai"})
        assert (begun.status_code, begun.json()["state"]) == (202, "waiting")
        await asyncio.sleep(0)
        assert page.engine.ends is not None
        page.engine.ends.set_result(AccountStatus(True, "plan", "Claude Max", email="ada@example.org"))
        await asyncio.sleep(0)
        done = (await page.call("sign-in")).json()
        assert done["state"] == "done"
        assert "ada@example.org" in done["text"]

    async def test_a_failure_is_told_and_a_second_attempt_replaces_the_first(self, page: Page) -> None:
        await page.call("sign-in", "POST", {"account": "console"})
        await asyncio.sleep(0)
        first = page.engine.ends
        await page.call("sign-in", "POST", {"account": "claudeai"})
        await asyncio.sleep(0)
        assert first is not None
        assert first.cancelled()
        assert page.engine.ends is not None
        page.engine.ends.set_exception(SignInNeeded("The browser was closed."))
        await asyncio.sleep(0)
        failed = (await page.call("sign-in")).json()
        assert (failed["state"], "The browser was closed." in failed["text"]) == ("failed", True)

    async def test_it_can_be_cancelled(self, page: Page) -> None:
        await page.call("sign-in", "POST", {"account": "claudeai"})
        await asyncio.sleep(0)
        assert (await page.call("sign-in", "DELETE")).json()["state"] == "none"
        assert page.engine.ends is not None
        assert page.engine.ends.cancelled()

    @pytest.mark.parametrize("body", [None, {}, {"account": "root"}, []])
    async def test_other_accounts_are_refused(self, page: Page, body: object) -> None:
        assert (await page.call("sign-in", "POST", body)).status_code == 400


class TestBlocks:
    def test_marks_links_and_lists(self) -> None:
        text = (
            "# Title\n\nUse **this** `code` or [a page](https://a.example) or [x](javascript:alert).\n\n* one\n* two\n"
        )
        prose, listed = blocks_of(text)
        assert prose["spans"] == [
            {"text": "Use "},
            {"text": "this", "strong": True},
            {"text": " "},
            {"text": "code", "code": True},
            {"text": " or "},
            {"text": "a page", "href": "https://a.example"},
            {"text": " or [x](javascript:alert)."},
        ]
        assert listed == {"kind": "list", "ordered": False, "items": [[{"text": "one"}], [{"text": "two"}]]}

    def test_what_to_enter_where_is_fields(self) -> None:
        (block,) = blocks_of("```text\nApp, Settings:\nURL: http://x/v1\nKey: abc\n\nIn Docker:\n1. Other\n```\n")
        assert block == {
            "kind": "fields",
            "place": "App, Settings",
            "fields": [{"label": "URL", "value": "http://x/v1"}, {"label": "Key", "value": "abc"}],
            "notes": ["In Docker:", "1. Other"],
        }

    @pytest.mark.parametrize("text", ["<b>bold</b>\n", "a <script>alert(1)</script>\n", "<div>\n\n</div>\n"])
    def test_html_stays_text(self, text: str) -> None:
        assert all(set(span) == {"text"} for block in blocks_of(text) for span in block["spans"])
        assert json.dumps(blocks_of(text)).count("<") == text.count("<")
