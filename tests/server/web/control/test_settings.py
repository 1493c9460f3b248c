"""The page's settings: each is shown, changed, refused if it must be, and none of them breaks the settings file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.app import create_app
from server.config import OPTIONS, SECRETS, Config, pinned_by, resolve, with_changes
from server.errors import DrawbridgeError, KeyNeeded, PortTaken
from server.machine.files.settings_file import read_settings, write_settings
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from server.web.control.settings_form import shown_options
from tests.server.commands.test_options import CASES
from tests.server.web.scene import FakeControl, FakeEngine, client

NAMES = [option.key for _, _, option in shown_options() if option.name not in SECRETS]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
# What is most likely to be wrong: limits, odd texts, and other types.
ODD = st.sampled_from(
    [
        *("", " ", "\x00", "~nosuchuser/x", "a\nb", '"""', "\\", "日本", "true", "-1", "0", "1e400", "٣", "x" * 5000),
        *("http://[", "http://a:99999", "http://a:0", "//", "a,b,,c", 10**400, -(10**30), 0.1, [], [""], ["a\x7f"]),
        *([1], {}, ["a"] * 2000, "\ud800"),
    ]
)


@dataclass
class FilePort:
    """Settings in a real file, without a server that follows them."""

    file: Path
    engine: FakeEngine
    flags: Mapping[str, object] = field(default_factory=dict)
    refuses: DrawbridgeError | None = None
    restarting: frozenset[str] = frozenset()

    @property
    def wanted(self) -> Config:
        return resolve(flags=self.flags, environment={}, file=read_settings(self.file).values)

    def pinned_by(self, name: str) -> str:
        return pinned_by(self.wanted, name, {})

    def change(self, changes: Mapping[str, object]) -> tuple[str, ...]:
        if self.refuses is not None:
            raise self.refuses
        values = with_changes(read_settings(self.file).values, changes)
        self.engine.config = resolve(flags=self.flags, environment={}, file=values)
        keys = {option.name: option.key for option in OPTIONS}
        return write_settings(self.file, {keys[name]: value for name, value in changes.items()})


@dataclass
class Page:
    port: FilePort
    app: AccessMiddleware
    control: FakeControl

    async def call(self, method: str, body: object = None) -> httpx.Response:
        headers = {"x-drawbridge-token": self.control.token, "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        async with client(self.app) as c:
            return await c.request(method, "/control/settings", content=content, headers=headers)

    async def shown(self) -> dict[str, Any]:
        return {setting["name"]: setting for setting in (await self.call("GET")).json()["data"]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """One application for all tests: it takes a second to make."""
    engine, control = FakeEngine(), FakeControl()
    port = FilePort(tmp_path_factory.mktemp("settings") / "settings.toml", engine)
    app = create_app(engine.config, engine, control, parts=Parts(settings=port))
    # The access stays as it is, whatever the settings become.
    return Page(port, AccessMiddleware(app, lambda: policy_for(Config())), control)


@pytest.fixture
def page(whole: Page) -> Page:
    whole.port.file.unlink(missing_ok=True)
    whole.port.flags, whole.port.refuses, whole.port.engine.config = {}, None, Config()
    return whole


def plain(value: object) -> object:
    return (
        [str(item) for item in value] if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    )


async def test_every_setting_is_shown_with_its_meaning_and_default(page: Page) -> None:
    shown = await page.shown()
    assert set(shown) == {option.key for option in OPTIONS if option.name != "reload"}
    for name, setting in shown.items():
        assert setting["group"] != "Other", name
        assert setting["meaning"].endswith("."), name
        assert (setting["source"], setting["pinned"], setting["is_pending"]) == ("default", "", False)
        assert setting["value"] == setting["default"] or setting["kind"] == "secret"
    kinds = {
        name: shown[name]["kind"] for name in ("port", "require_key", "reach", "allowed_hosts", "model", "api_key")
    }
    assert list(kinds.values()) == ["number", "switch", "choice", "list", "text", "secret"]
    assert (shown["port"]["low"], shown["port"]["high"], shown["timeout"]["unit"]) == (1, 65535, "seconds")
    assert shown["data_dir"]["applies"] == "next start"


@pytest.mark.parametrize("name", [option.name for _, _, option in shown_options() if option.name not in SECRETS])
async def test_every_setting_can_be_changed_and_put_back(page: Page, name: str) -> None:
    written, meant = CASES[name]
    key = name.removesuffix("_s")
    reply = await page.call("PATCH", {key: written})
    assert reply.status_code == 200, reply.text
    setting = (await page.shown())[key]
    assert (setting["value"], setting["source"]) == (plain(meant), "settings file")
    # Not as a text: as the file's other users expect it.
    expected = {"fast": "haiku", "deep": "opus-high"} if name == "aliases" else plain(meant)
    assert read_settings(page.port.file).values[key] == expected
    assert (await page.call("PATCH", {key: None})).status_code == 200
    assert (await page.shown())[key]["source"] == "default"
    assert key not in read_settings(page.port.file).values


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["sonnet=haiku"], "'sonnet' would hide a model of Claude's"),
        (["fast=haiku", "FAST=opus"], "'FAST' has the name of the alias 'fast'"),
        (["a=b", "b=haiku"], "'a' must name a model, and 'b' is an alias"),
        (["fast="], "'fast' takes a model's id or name"),
    ],
)
async def test_a_refused_alias_is_named_with_the_reason(page: Page, names: list[str], words: str) -> None:
    reply = await page.call("PATCH", {"aliases": names})
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "notices"),
    [
        ({"model": "gpt-5"}, ["Default model: Claude has no model 'gpt-5'."]),
        (
            {"fallback_model": "opsu", "housekeeping_model": "haku"},
            [
                "Fallback model: Claude has no model 'opsu'.",
                "Model for background requests: Claude has no model 'haku'.",
            ],
        ),
        (
            {"aliases": ["fast=haiku", "deep=opsu"]},
            ["Your own names for models: deep means the default model, because Claude has no model 'opsu'."],
        ),
        ({"model": "haiku-high", "fallback_model": "sonnet", "aliases": ["fast=haiku"]}, []),
        ({"port": 9002}, []),
    ],
)
async def test_a_model_that_claude_does_not_have_is_saved_with_a_notice(
    page: Page, changes: dict[str, object], notices: list[str]
) -> None:
    reply = await page.call("PATCH", changes)
    assert (reply.status_code, reply.json()["notices"]) == (200, notices)
    # Only what has changed is named.
    assert (await page.call("PATCH", {"retries": 1})).json()["notices"] == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), ODD | JSON, max_size=3))
async def test_any_value_is_refused_or_applied_and_the_file_stays_valid(page: Page, changes: dict[str, object]) -> None:
    before = page.port.file.read_bytes() if page.port.file.exists() else b""
    reply = await page.call("PATCH", changes)
    assert reply.status_code in {200, 400}, (changes, reply.text)
    if reply.status_code == 400:
        assert (page.port.file.read_bytes() if page.port.file.exists() else b"") == before
    page.port.wanted  # noqa: B018 # the file can be read, and all of its values are valid
    assert (await page.call("GET")).status_code == 200


@pytest.mark.parametrize("body", [None, [], "port", 1, {}, {str(number): 1 for number in range(101)}])
async def test_other_bodies_are_refused(page: Page, body: object) -> None:
    assert (await page.call("PATCH", body)).status_code == 400


async def test_a_refusal_names_the_setting_and_what_it_takes(page: Page) -> None:
    reply = await page.call("PATCH", {"model": "opus", "port": 0})
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "port")
    assert "a number from 1 to 65535" in error["message"]
    assert not page.port.file.exists()


async def test_a_pinned_setting_is_marked_and_refused(page: Page) -> None:
    page.port.flags = {"port": 9001}
    assert (await page.shown())["port"]["pinned"] == "--port"
    reply = await page.call("PATCH", {"port": 9002})
    assert reply.status_code == 409
    assert "--port sets it" in reply.json()["error"]["message"]


@pytest.mark.parametrize("error", [PortTaken("Port 9002 is taken by node (pid 412)."), KeyNeeded("A key is needed.")])
async def test_what_the_computer_refuses_comes_back_in_words(page: Page, error: DrawbridgeError) -> None:
    page.port.refuses = error
    reply = await page.call("PATCH", {"port": 9002})
    assert reply.status_code == 409
    assert error.message in reply.json()["error"]["message"]


@pytest.mark.parametrize("name", SECRETS)
async def test_secrets_are_neither_shown_nor_taken(page: Page, name: str) -> None:
    write_settings(page.port.file, {name: "sk-very-secret"})
    page.port.engine.config = page.port.wanted
    reply = await page.call("GET")
    assert "sk-very-secret" not in reply.text
    setting = (await page.shown())[name]
    assert (setting["value"], setting["is_set"]) == (None, True)
    refused = await page.call("PATCH", {name: "sk-another"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)


async def test_only_our_own_page_gets_to_the_settings(page: Page) -> None:
    async with client(page.app) as c:
        assert (await c.get("/control/settings")).status_code == 403
        assert (await c.patch("/control/settings", json={"port": 1})).status_code == 403
    app = create_app(Config(), FakeEngine(), page.control)
    bare = Page(page.port, AccessMiddleware(app, lambda: policy_for(Config())), page.control)
    assert (await bare.call("GET")).json() == {"data": []}
    assert (await bare.call("PATCH", {"port": 9001})).status_code == 404
