"""`drawbridge tunnel` with the real Claude Code: through a double of cloudflared, TLS and a proxy, as Cursor comes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from server.standin.server import Standin, open_standin
from tests.server.answering.test_canned_replies import VERIFY
from tests.server.machine.tunnels.doubles import Doubles
from tests.server.web.cursor_bodies import CHAT, PARAMETERS, PATCH, QUESTION
from tests.whole.bridge import ROOT, Bridge, gone, open_bridge, text_of
from tests.whole.calling import offered
from tests.whole.public_edge import Internet, internet
from tests.whole.test_cursor import DIALECTS, calls_of, chunks_of, patching, steps_of


@dataclass
class Tunnelled:
    bridge: Bridge
    internet: Internet
    doubles: Doubles

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tray", *arguments, "--data-dir", str(self.bridge.folder / "data")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=self.bridge.environment,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def open(self) -> tuple[str, str]:
        """The base URL and the new key."""
        code, out, err = await self.command("tunnel", "open", "--provider", "cloudflared", "--json")
        assert code == 0, (out, err)
        answer = json.loads(out)
        return answer["base_url"], answer["key"]["key"]

    def programs(self) -> list[psutil.Process]:
        """The tunnels' programs that the server runs."""
        folder, found = str(self.doubles.folder), []
        for child in self.bridge.server.children(recursive=True):
            # A child may end meanwhile.
            with suppress(psutil.NoSuchProcess):
                if any(part.startswith(folder) for part in child.cmdline()):
                    found.append(child)
        return found

    def listening(self) -> set[int]:
        """The ports on which the server and all its children listen."""
        processes = [self.bridge.server, *self.bridge.server.children(recursive=True)]
        found = []
        for process in processes:
            # A child may end meanwhile.
            with suppress(psutil.NoSuchProcess):
                found += process.net_connections("tcp")
        return {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}


@asynccontextmanager
async def tunnelled(standin: Standin, folder: Path, **environment: str) -> AsyncIterator[Tunnelled]:
    async with AsyncExitStack() as stack:
        net = await stack.enter_async_context(internet(folder, "*.trycloudflare.com"))
        programs = folder / "programs"
        programs.mkdir()
        doubles = Doubles(programs, net.edge.agents)
        doubles.install("cloudflared")
        given = {**net.environment, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", **environment}
        bridge = await stack.enter_async_context(open_bridge(standin, folder, environment=given))
        yield Tunnelled(bridge, net, doubles)


async def test_the_commands_open_show_and_close_it(folder: Path) -> None:
    async with open_standin() as standin, tunnelled(standin, folder) as here:
        port = int(here.bridge.url.rpartition(":")[2].removesuffix("/v1"))
        assert here.listening() == {port}
        code, out, _ = await here.command("tunnel", "status")
        assert code == 1
        assert out.startswith("Off\n")
        assert "cloudflared        ready" in out
        url, key = await here.open()
        assert here.listening() - {port}
        async with here.internet.client(url, key) as client:
            reply = await client.post("/chat/completions", json={**CHAT, "stream": False})
            assert reply.status_code == 200, reply.text
            assert len(standin.requests) == 1
            # Neither the program nor the log knows the key.
            assert key not in json.dumps(here.doubles.runs("cloudflared"))
            assert (await client.get(url.removesuffix("/v1") + "/control/status")).status_code == 404
            assert (await client.get("/models")).status_code == 200
        # On this computer nothing has changed: no key is needed.
        assert (await here.bridge.chat("hi")).status_code == 200
        # The key is for the tunnel; elsewhere it is not allowed.
        local = await here.bridge.post(CHAT, headers={"authorization": f"Bearer {key}"})
        assert local.status_code == 403
        code, out, _ = await here.command("tunnel", "status")
        assert code == 0
        assert url in out
        assert "Cloudflare" in out
        assert key not in out
        # Opened again, the key that is known remains, under another name.
        code, out, err = await here.command("tunnel", "open", "--provider", "cloudflared")
        assert code == 0, err
        assert "'Tunnel'" in out
        assert url not in out
        assert (await here.command("tunnel", "close"))[0] == 0
        assert here.listening() == {port}
        assert key not in here.bridge.log
        assert here.programs() == []


async def test_what_is_missing_is_told_with_the_command_for_it(folder: Path) -> None:
    async with open_standin() as standin, tunnelled(standin, folder) as here:
        code, _, err = await here.command("tunnel", "open", "--provider", "tailscale")
        assert code == 1
        assert "https://tailscale.com/install.sh" in err
        here.doubles.fail("cloudflared", "limit")
        code, out, _ = await here.command("tunnel", "status", "--json")
        assert {row["name"]: row["lacks"] for row in json.loads(out)["providers"]}["own"] == "setting"
        # It asks before a relay reads along, and there is nobody to say yes.
        code, _, err = await here.command("tunnel", "open", "--provider", "ssh")
        assert code != 0
        assert "localhost.run can read" in err


async def test_the_settings_open_it_at_the_start_and_close_it_while_running(folder: Path) -> None:
    settings = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('tunnel = "cloudflared"\n')
    async with open_standin() as standin, tunnelled(standin, folder) as here:
        async with asyncio.timeout(60):
            while (await here.bridge.health())["tunnel"]["state"] != "open":
                await asyncio.sleep(0.1)
        # What a server without a desktop has to say of it: that it is open, and that no app can use it yet.
        code, out, _ = await here.command("status")
        assert code == 0
        assert "Open through Cloudflare quick tunnel https://brave-" in out
        code, out, _ = await here.command("tunnel", "status")
        assert code == 0
        assert "drawbridge keys add Cursor --listener tunnel" in out
        _, out, _ = await here.command("doctor", "--json")
        (found,) = (one for one in json.loads(out) if one["name"] == "tunnel")
        # Such a report may be published, so it does not have the name.
        assert (found["verdict"], found["words"]) == ("ok", "Open through Cloudflare quick tunnel")
        settings.write_text('tunnel = "off"\n')
        async with asyncio.timeout(60):
            while (await here.bridge.health())["tunnel"]["state"] != "off":
                await asyncio.sleep(0.1)


async def test_no_program_is_left_if_the_server_is_killed(folder: Path) -> None:
    async with open_standin() as standin, tunnelled(standin, folder) as here:
        await here.open()
        programs = here.programs()
        assert programs
        here.bridge.server.kill()
        assert await gone(programs, 20) == []


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_cursor_finishes_ask_and_agent_through_it(folder: Path, dialect: str) -> None:
    """Its Verify prompt, a question, and a round of tools, in each form of a body that Cursor's servers send."""
    first, history, after = DIALECTS[dialect]
    async with open_standin() as standin, tunnelled(standin, folder) as here:
        url, key = await here.open()
        async with here.internet.client(url, key) as client:
            outside = replace(here.bridge, client=client, url=url)
            verified = await outside.post(VERIFY)
            assert (verified.status_code, verified.headers["x-drawbridge-way"]) == (200, "local")
            azure = url.removesuffix("/v1") + "/openai/deployments/cc-sonnet/chat/completions"
            verified = await client.post(
                azure, json={"messages": VERIFY["messages"]}, headers={"authorization": "", "api-key": key}
            )
            assert verified.status_code == 200, verified.text
            standin.requests.clear()
            # Ask: no tools are used.
            chunks, _ = await chunks_of(outside, history)
            assert text_of([f"data: {json.dumps(chunk)}" for chunk in chunks])
            assert list(offered(standin.requests[-1].body)) == ["ReadFile", "AskUserQuestion", "ApplyPatch"]
            assert offered(standin.requests[-1].body)["ReadFile"]["input_schema"] == PARAMETERS
            # Agent: two calls, their results, the end.
            standin.script(patching)
            chunks, _ = await chunks_of(outside, first)
            calls = calls_of(chunks)
            assert [one["function"]["name"] for one in calls] == ["ReadFile", "ApplyPatch"]
            chunks, way = await chunks_of(outside, after(calls, ["a = 1\n", "Done!"]))
            assert way == "continued"
            assert text_of([f"data: {json.dumps(chunk)}" for chunk in chunks]) == "It is done."
            assert steps_of(standin.requests[-1]) == [
                ("user", QUESTION),
                ("assistant", "Let me see."),
                ("call", "ReadFile", {"path": "x.py"}),
                ("call", "ApplyPatch", {"input": PATCH}),
                ("result", "ReadFile", "a = 1\n"),
                ("result", "ApplyPatch", "Done!"),
            ]
