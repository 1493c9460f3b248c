"""Paid extra usage on the real Claude Code: it is shown, stops requests if the settings say so, and goes on."""

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from server.machine.instance import TOKEN_HEADER, read_instance
from server.standin.script import say
from server.standin.server import Standin
from tests.whole.account import sign_in
from tests.whole.bridge import ROOT, Bridge, messages, open_bridge
from tests.whole.limits import limits, with_extra_usage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(360)]

DIALECTS: list[tuple[str, dict[str, object]]] = [
    ("chat/completions", {"messages": messages("hi"), "model": "sonnet"}),
    ("responses", {"input": "hi", "model": "sonnet"}),
    ("messages", {"messages": messages("hi"), "model": "sonnet", "max_tokens": 99}),
]


async def test_extra_usage_stops_and_goes_on(standin: Standin, tmp_path: Path) -> None:
    soon = int(time.time()) + 3_600
    used_up = limits("1.0", "0.25", status="rejected", soon=soon, later=soon + 86_400)
    paid = with_extra_usage(used_up, "allowed", resets_at=soon + 86_400)
    standin.script(lambda _: replace(say("Hello"), headers=tuple(paid.items())))
    sign_in(tmp_path / "home")
    variables = {"ANTHROPIC_BASE_URL": standin.url}
    async with open_bridge(None, tmp_path, "--on-extra-usage", "stop", environment=variables) as bridge:
        # Only an answer shows it, so the first one is paid.
        assert (await bridge.chat("hi", model="sonnet")).status_code == 200
        paid_requests = len(standin.requests)
        for path, body in DIALECTS:
            for is_streamed in (False, True):
                refused = await bridge.client.post(f"/{path}", json={**body, "stream": is_streamed})
                assert refused.status_code == 429, refused.text
                assert 0 < int(refused.headers["retry-after"]) <= 3_600
                assert "paid extra usage" in refused.text
        assert len(standin.requests) == paid_requests
        health = await bridge.health()
        assert health["extra_usage"] == {
            "state": "in use",
            "resets_at": soon,
            "is_near_limit": False,
            "is_stopped": True,
            "is_allowed": False,
        }
        assert "extra usage" in await command(bridge, "status")
        assert "Paid extra usage: in use" in await command(bridge, "extra-usage", "--go-on")
        assert (await bridge.chat("again", model="sonnet")).status_code == 200
        assert "Paid extra usage: stopped" in await command(bridge, "extra-usage", "--stop")
        assert (await bridge.chat("and again", model="sonnet")).status_code == 429


async def test_only_our_own_page_and_commands_go_on(standin: Standin, tmp_path: Path) -> None:
    async with open_bridge(standin, tmp_path) as bridge:
        url = bridge.url.removesuffix("/v1") + "/control/extra-usage"
        assert (await bridge.client.post(url)).status_code == 403
        instance = read_instance(tmp_path / "data")
        assert instance is not None
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.post(url, headers={TOKEN_HEADER: instance.token})
            assert response.json() == {"extra_usage": None}
            assert (await client.delete(url, headers={TOKEN_HEADER: instance.token})).json() == {"extra_usage": None}
            assert (await client.delete(url)).status_code == 403


async def command(bridge: Bridge, *arguments: str) -> str:
    """What the command prints."""
    options = ("--data-dir", str(bridge.folder / "data"))
    program = (sys.executable, "-m", "tray", *arguments, *options)
    process = await asyncio.create_subprocess_exec(
        *program, cwd=ROOT, env=bridge.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, error
    return out.decode()
