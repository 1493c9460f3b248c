"""Coding agents, unmodified and headless: each reads a real file and changes it."""

import json
from pathlib import Path

import pytest

from server.standin.server import Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import Clerk, offered, offers
from tests.whole.programs import printed
from tests.whole.tap import Tap

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

BEFORE, AFTER = "Dear bridge, hold.\n", "Dear bridge, held.\n"
ORDER = "Put letter.txt into the past."


@pytest.fixture
def letter(folder: Path) -> Path:
    path = folder / "desk" / "letter.txt"
    path.parent.mkdir()
    path.write_text(BEFORE)
    return path


def assert_done(clerk: Clerk, standin: Standin, letter: Path, told: str) -> None:
    """The file is changed, and Claude saw what was read, what was edited, and its own calls as it made them."""
    assert letter.read_text() == AFTER
    assert "It is done." in told
    *_, last = (request.body for request in standin.requests if clerk.reading[0] in offered(request.body))
    order, *steps = [step for step in clerk.steps(last) if step[0] != "assistant"]
    assert ORDER in order[1]
    assert [step[:2] for step in steps] == [
        ("call", clerk.reading[0]),
        ("result", clerk.reading[0]),
        ("call", clerk.editing[0]),
        ("result", clerk.editing[0]),
    ]
    assert BEFORE.strip() in steps[1][-1]


async def test_continue(bridge: Bridge, tap: Tap, standin: Standin, agents: Path, letter: Path) -> None:
    model = {"name": "bridge", "provider": "openai", "model": "sonnet", "apiBase": tap.url, "apiKey": "anything"}
    config = {"name": "Test", "version": "1.0.0", "schema": "v1", "models": [{**model, "capabilities": ["tool_use"]}]}
    file = letter.parent.parent / "config.yaml"
    file.write_text(json.dumps(config))
    edit = {"file_path": str(letter), "old_string": "hold", "new_string": "held"}
    clerk = Clerk(reading=("Read", {"filepath": str(letter)}), editing=("Edit", edit))
    standin.script(clerk)
    command = [str(agents / "cn"), "--config", str(file), "--auto", "--print", ORDER]
    settings = {"HOME": str(letter.parent.parent), "CONTINUE_TELEMETRY_ENABLED": "0"}
    told = await printed(bridge, *command, folder=letter.parent, **settings)
    assert_done(clerk, standin, letter, told)
    assert offers(standin.requests) == tap.offers()


async def test_opencode(bridge: Bridge, tap: Tap, standin: Standin, agents: Path, letter: Path) -> None:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Bridge",
        "options": {"baseURL": tap.url, "apiKey": "anything"},
        "models": {"sonnet": {"name": "Sonnet", "tool_call": True}},
    }
    config = {"model": "bridge/sonnet", "small_model": "bridge/sonnet", "provider": {"bridge": provider}}
    edit = {"filePath": str(letter), "oldString": "hold", "newString": "held"}
    clerk = Clerk(reading=("read", {"filePath": str(letter)}), editing=("edit", edit))
    standin.script(clerk)
    settings = {
        "HOME": str(letter.parent.parent),
        "OPENCODE_CONFIG_CONTENT": json.dumps({**config, "autoupdate": False, "share": "disabled"}),
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    }
    told = await printed(bridge, agents / "opencode", "run", ORDER, folder=letter.parent, **settings)
    assert_done(clerk, standin, letter, told)
    assert offers(standin.requests) == tap.offers()


async def test_cline(bridge: Bridge, tap: Tap, standin: Standin, agents: Path, letter: Path) -> None:
    cline = str(agents / "cline")
    settings = letter.parent.parent / ".cline" / "data" / "settings" / "global-settings.json"
    settings.parent.mkdir(parents=True)
    # Otherwise it waits until it has reported usage.
    settings.write_text('{"telemetryOptOut": true}')
    # Otherwise it leaves a background process running.
    local = {"CLINE_SESSION_BACKEND_MODE": "local", "HOME": str(letter.parent.parent)}
    account = ["--provider", "openai-compatible", "--apikey", "anything", "--modelid", "sonnet"]
    await printed(bridge, cline, "auth", *account, "--baseurl", tap.url, folder=letter.parent, **local)
    edit = {"path": str(letter), "old_text": "hold", "new_text": "held"}
    clerk = Clerk(reading=("read_files", {"files": [{"path": str(letter)}]}), editing=("editor", edit))
    standin.script(clerk)
    command = [cline, "--provider", "openai-compatible", "--model", "sonnet", ORDER]
    told = await printed(bridge, *command, folder=letter.parent, **local)
    assert_done(clerk, standin, letter, told)
    assert offers(standin.requests) == tap.offers()
