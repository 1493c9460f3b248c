"""Every provider under the whole server with the real Claude Code: what is open meanwhile, and how each end comes out.

ssh and ngrok's package, whose services have fixed addresses, are in the conformance suite of tests/server/tunnel.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest

from server.standin.script import Gate, Hold, say
from server.standin.server import Standin, open_standin
from tests.ports import free_port
from tests.server.machine.tunnels.doubles import Doubles
from tests.server.machine.tunnels.scenes import NAMED_HOST
from tests.whole.bridge import gone, open_bridge
from tests.whole.public_edge import internet
from tests.whole.test_tunnel import Tunnelled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows starts no scripts as programs")

PROGRAMS = ("cloudflared", "tailscale", "ngrok")
PROVIDERS = ("cloudflared", "cloudflared-named", "tailscale", "ngrok", "own")
NAMES = ("*.trycloudflare.com", "node.tail1234.ts.net", "calm-otter.ngrok-free.app", NAMED_HOST)
ASK = {"model": "sonnet", "messages": [{"role": "user", "content": "Hello?"}]}
Record = Callable[[str, object], None]


@asynccontextmanager
async def reachable(standin: Standin, folder: Path, provider: str) -> AsyncIterator[Tunnelled]:
    """A server that can open the tunnel of `provider`, and its public name where the user chooses that."""
    async with AsyncExitStack() as stack:
        net = await stack.enter_async_context(internet(folder, *NAMES))
        programs = folder / "programs"
        programs.mkdir()
        doubles = Doubles(programs, net.edge.agents)
        doubles.install(*PROGRAMS)
        given = {**net.environment, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        given |= {"TUNNEL_TOKEN": "named-token", "NGROK_AUTHTOKEN": "ngrok-token"}
        if provider in {"cloudflared-named", "own"}:
            port = free_port()
            given |= {"DRAWBRIDGE_TUNNEL_HOST": NAMED_HOST, "DRAWBRIDGE_TUNNEL_PORT": str(port)}
            (programs / "cloudflared.named").write_text(f"{NAMED_HOST} {port}")
            if provider == "own":
                # The user's reverse proxy: it ends TLS, keeps the header Host, and knows the port.
                net.edge.names[NAMED_HOST] = port
        bridge = await stack.enter_async_context(open_bridge(standin, folder, environment=given))
        yield Tunnelled(bridge, net, doubles)


@pytest.fixture(params=PROVIDERS)
async def here(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[tuple[str, Standin, Tunnelled]]:
    async with open_standin() as standin, reachable(standin, folder, request.param) as made:
        yield request.param, standin, made


async def opened(here: Tunnelled, provider: str) -> tuple[str, str]:
    """The base URL, and the key if it is a new one."""
    code, out, err = await here.command("tunnel", "open", "--provider", provider, "--json")
    assert code == 0, (out, err)
    answer = json.loads(out)
    return answer["base_url"], answer["key"]["key"]


async def until(here: Tunnelled, *states: str) -> str:
    async with asyncio.timeout(60):
        while (state := (await here.bridge.health())["tunnel"]["state"]) not in states:
            await asyncio.sleep(0.01)
    return str(state)


async def test_hanging_up_outside_ends_claudes_answer(
    here: tuple[str, Standin, Tunnelled], record_property: Record
) -> None:
    provider, standin, made = here
    url, key = await opened(made, provider)
    gate = Gate()
    standin.script(say("Half", Hold(gate), " never"))
    async with (
        made.internet.client(url, key) as client,
        client.stream("POST", "/chat/completions", json={**ASK, "stream": True}) as reply,
    ):
        assert reply.status_code == 200
        async for line in reply.aiter_lines():
            if '"Half"' in line:
                break
        started = time.monotonic()
    # Claude Code itself has hung up at the Messages API.
    await asyncio.wait_for(standin.requests[-1].client_disconnected(), 30)
    record_property("upstream_ended_ms", round(1000 * (time.monotonic() - started)))
    await made.bridge.until_pool(answering=0)
    async with made.internet.client(url, key) as client:
        assert (await client.post("/chat/completions", json=ASK)).status_code == 200


async def test_nothing_but_the_local_listener_is_open_besides_a_tunnel(
    here: tuple[str, Standin, Tunnelled], record_property: Record
) -> None:
    """Before it is opened, after it is closed, and after its program has crashed twice."""
    provider, _, made = here
    local = {int(made.bridge.url.rpartition(":")[2].removesuffix("/v1"))}
    assert made.listening() == local
    url, key = await opened(made, provider)
    port = (await made.bridge.health())["tunnel"].get("port")
    own = made.listening() - local
    assert port is None or port in own
    assert all(is_loopback(made, each) for each in own)
    programs = made.programs()
    assert bool(programs) is (provider != "own")
    if programs:
        started = time.monotonic()
        for program in programs:
            with suppress(psutil.NoSuchProcess):
                program.kill()
        await until(made, "lost")
        record_property("lost_ms", round(1000 * (time.monotonic() - started)))
        await until(made, "open")
        again = (await made.bridge.health())["tunnel"]["base_url"]
        assert (again == url) is (provider != "cloudflared")
        async with made.internet.client(again, key) as client:
            assert (await client.post("/chat/completions", json=ASK)).status_code == 200
        for program in made.programs():
            program.kill()
        await until(made, "lost")
    assert (await made.command("tunnel", "close"))[0] == 0
    assert made.listening() == local
    assert made.programs() == []


def is_loopback(here: Tunnelled, port: int) -> bool:
    found = set()
    for process in (here.bridge.server, *here.bridge.server.children(recursive=True)):
        # A child may end meanwhile.
        with suppress(psutil.NoSuchProcess):
            found |= {one.laddr.ip for one in process.net_connections("tcp") if one.laddr.port == port}
    return found == {"127.0.0.1"}


async def test_no_program_and_no_port_is_left_if_the_server_is_killed(here: tuple[str, Standin, Tunnelled]) -> None:
    provider, _, made = here
    await opened(made, provider)
    server, programs, ports = made.bridge.server, made.programs(), made.listening()
    assert bool(programs) is (provider != "own")
    server.kill()
    assert await gone([server, *programs], 20) == []
    # Its threads end one after the other, the last of which closes the sockets.
    async with asyncio.timeout(20):
        while ports & open_ports({None, server.pid, *(program.pid for program in programs)}):
            await asyncio.sleep(0.1)


def open_ports(pids: set[int | None]) -> set[int]:
    """The ports on which these processes listen. Another one may get a port as soon as it is free."""
    found = psutil.net_connections("tcp")
    return {one.laddr.port for one in found if one.pid in pids and one.laddr and one.status == psutil.CONN_LISTEN}
