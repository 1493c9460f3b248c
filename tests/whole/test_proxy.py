"""The setting `proxy`: the real Claude Code's requests go through a real proxy, and the password is never shown."""

import asyncio
import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.forward_proxy import open_forward_proxy
from tests.whole.bridge import ROOT, account, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "claude-api.test"
PASSWORD = "s3cret-of-the-proxy"


async def test_requests_go_through_the_proxy_while_it_is_set(standin: Standin, folder: Path) -> None:
    standin.script(lambda _: say("Hello"))
    settings = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("retries = 0\n")
    port = urlsplit(standin.url).port
    assert port is not None
    async with open_forward_proxy({HOST: port}) as proxy:
        # Only the proxy knows this host, so an answer proves which way the request took.
        away = account(standin) | {"ANTHROPIC_BASE_URL": f"http://{HOST}"}
        async with open_bridge(None, folder, environment=away) as bridge:
            settings.write_text(f'retries = 0\nproxy = "http://me:{PASSWORD}@127.0.0.1:{proxy.port}"\n')
            while "changed settings are in force" not in "".join(bridge.complaints) and not proxy.lines:
                await bridge.health()
                if "the settings change the proxy" in bridge.log:
                    break
            assert "Hello" in (await bridge.chat("one")).text
            assert any("/v1/messages" in line or line.startswith(f"CONNECT {HOST}") for line in proxy.lines)
            basic = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
            assert set(proxy.credentials) == {f"Basic {basic}"}
            assert standin.requests
            # Nowhere: log, status, diagnostics, command lines.
            shown = json.dumps(await bridge.health()) + bridge.log
            line = [sys.executable, "-m", "tray", "doctor", "--json", "--data-dir", str(folder / "data")]
            doctor = await asyncio.to_thread(
                subprocess.run, line, capture_output=True, text=True, check=False, cwd=ROOT, env=bridge.environment
            )
            shown += doctor.stdout + doctor.stderr
            shown += "".join(" ".join(child.cmdline()) for child in bridge.server.children(recursive=True))
            assert "127.0.0.1" in shown
            assert PASSWORD not in shown
            assert basic not in shown


async def test_no_request_goes_through_a_proxy_that_is_not_set_and_an_inherited_one_still_works(
    standin: Standin, folder: Path
) -> None:
    standin.script(lambda _: say("Hello"))
    port = urlsplit(standin.url).port
    assert port is not None
    async with open_forward_proxy({HOST: port}) as proxy:
        async with open_bridge(standin, folder) as bridge:
            assert "Hello" in (await bridge.chat("one")).text
        assert proxy.lines == []
        inherited = {"ANTHROPIC_BASE_URL": f"http://{HOST}", "HTTP_PROXY": f"http://127.0.0.1:{proxy.port}"}
        async with open_bridge(None, folder, environment=account(standin) | inherited) as bridge:
            assert "Hello" in (await bridge.chat("one")).text
        assert proxy.lines
