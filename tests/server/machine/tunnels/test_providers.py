"""Every provider over a double: the name that it opens, how it ends, and why it does not open."""

import asyncio
import importlib.metadata
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from server.errors import TunnelRefused
from server.machine.processes.guards import guard_for_programs
from server.machine.tunnels.child import ProgramContext
from server.machine.tunnels.ngrok_package import Ngrok, NgrokPackage
from server.machine.tunnels.ngrok_program import STORE_TOKEN, NgrokProgram
from server.machine.tunnels.programs import CLOUDFLARED, Program
from server.machine.tunnels.provider import Target
from tests.server.machine.tunnels.scenes import NAMES, SECRETS, Scene, kill_programs, programs, scene_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows starts no scripts as programs")


@pytest.fixture(params=NAMES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene_of(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on this computer that says hello."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def ask(scene: Scene, url: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.edge.port)
    host = url.removeprefix("https://")
    writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def gone(processes: list[psutil.Process]) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=20)
    assert alive == []


async def test_its_name_leads_to_the_port_until_it_is_closed(scene: Scene, port: int) -> None:
    look = await scene.provider.look(scene.host)
    assert look.lacks is None
    async with scene.provider.open(scene.target(port)) as opened:
        assert opened.url.startswith("https://")
        assert not opened.url.endswith("/")
        assert (await ask(scene, opened.url)).endswith(b"hello")
        mine = programs()
        assert mine
    await gone(mine)
    assert b"502" in await ask(scene, opened.url)


async def test_neither_its_arguments_nor_its_environment_have_a_key(scene: Scene, port: int) -> None:
    async with scene.provider.open(scene.target(port)):
        # By what the system says of the process itself, which holds for the real ssh, too.
        processes = programs()
        assert processes
        for process in processes:
            environment = process.environ()
            assert not set(SECRETS.values()) & set(environment.values())
            assert not {name for name in environment if name.startswith(("ANTHROPIC", "CLAUDE", "DRAWBRIDGE"))}
            assert "token" not in " ".join(process.cmdline())


async def test_its_end_is_noticed(scene: Scene, port: int) -> None:
    async with scene.provider.open(scene.target(port)) as opened:
        waiting = asyncio.create_task(opened.changed())
        kill_programs()
        with pytest.raises(TunnelRefused):
            await asyncio.wait_for(waiting, 20)


async def test_a_missing_program_is_named_with_the_command_that_installs_it(
    scene: Scene, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Program, "find", lambda *_: None)
    monkeypatch.setattr(NgrokPackage, "is_installed", lambda _: False)
    look = await scene.provider.look(scene.host)
    assert look.lacks == "missing"
    assert look.command
    with pytest.raises(TunnelRefused) as refused:
        async with scene.provider.open(scene.target(port)):
            pass
    assert refused.value.kind == "missing"
    assert refused.value.command == look.command


def test_a_program_is_found_in_the_folders_of_installers(tmp_path: Path) -> None:
    assert CLOUDFLARED.find({"PATH": str(tmp_path), "HOME": str(tmp_path)}) is None
    own = tmp_path / ".local" / "bin" / "cloudflared"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert CLOUDFLARED.find({"PATH": "", "HOME": str(tmp_path)}) == own


REFUSALS = [
    ("cloudflared", "limit", "limit"),
    ("cloudflared", "network", "network"),
    ("cloudflared-named", "sign in", "sign in"),
    ("cloudflared-named", "network", "network"),
    ("tailscale", "sign in", "sign in"),
    ("tailscale", "stopped", "sign in"),
    ("tailscale", "consent", "sign in"),
    ("tailscale", "denied", "sign in"),
    ("tailscale", "limit", "limit"),
    ("tailscale", "ended", "ended"),
    ("ngrok", "sign in", "sign in"),
    ("ngrok", "limit", "limit"),
    ("ngrok", "network", "network"),
    ("ngrok-package", "sign in", "sign in"),
    ("ngrok-package", "limit", "limit"),
    ("ssh", "sign in", "sign in"),
    ("ssh", "limit", "limit"),
]


@pytest.mark.parametrize(("name", "mode", "kind"), REFUSALS)
async def test_the_reasons_are_told_apart(name: str, mode: str, kind: str, tmp_path: Path, port: int) -> None:
    async with scene_of(name, tmp_path) as scene:
        scene.fail(mode)
        with pytest.raises(TunnelRefused) as refused:
            async with scene.provider.open(scene.target(port)):
                pass
        assert refused.value.kind == kind
        if kind == "sign in" and name != "ssh":
            assert refused.value.command or refused.value.url
        assert programs() == []


async def test_ngrok_that_cannot_be_reached_is_a_matter_of_the_network(tmp_path: Path, port: int) -> None:
    async with scene_of("ngrok-package", tmp_path) as scene:
        assert scene.service is not None
        await scene.service.__aexit__()
        with pytest.raises(TunnelRefused) as refused:
            async with scene.provider.open(scene.target(port)):
                pass
    assert refused.value.kind == "network"


async def test_ngroks_package_says_when_its_connection_is_cut(tmp_path: Path, port: int) -> None:
    """It would connect again by itself; a tunnel that is opened again is proven, too."""
    async with scene_of("ngrok-package", tmp_path) as scene:
        assert scene.service is not None
        async with scene.provider.open(scene.target(port)) as opened:
            scene.service.cut()
            with pytest.raises(TunnelRefused) as refused:
                await asyncio.wait_for(opened.changed(), 20)
        assert (refused.value.kind, refused.value.is_lasting) == ("network", False)
        assert programs() == []
        async with scene.provider.open(scene.target(port)) as opened:
            assert (await ask(scene, opened.url)).endswith(b"hello")


async def test_ngroks_package_takes_the_name_of_the_user(tmp_path: Path, port: int) -> None:
    own = Target(port, "mine.example.org")
    async with scene_of("ngrok-package", tmp_path) as scene, scene.provider.open(own) as opened:
        assert opened.url == "https://mine.example.org"
        assert (await ask(scene, opened.url)).endswith(b"hello")


async def test_ngroks_program_is_used_first_then_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guard_for_programs()
    context = ProgramContext(guard, {"PATH": str(tmp_path), "HOME": str(tmp_path)})
    token: list[str | None] = [None]
    program = Program("ngrok", {"linux": "get ngrok"})
    ngrok = Ngrok(NgrokProgram(context, lambda: token[0], program), NgrokPackage(context, lambda: token[0]))
    # Only the package, which is a package of the tests.
    look = await ngrok.look()
    assert (look.lacks, look.command) == ("sign in", STORE_TOKEN)
    with pytest.raises(TunnelRefused) as refused:
        async with ngrok.open(Target(9)):
            pass
    assert refused.value.kind == "sign in"
    token[0] = "t"
    assert (await ngrok.look()).version == importlib.metadata.version("ngrok")
    # Both.
    (tmp_path / "ngrok").write_text("#!/bin/sh\necho ngrok version 3.30.0\n")
    (tmp_path / "ngrok").chmod(0o755)
    assert (await ngrok.look()).version == "3.30.0"
    # Neither: the program is what to install.
    (tmp_path / "ngrok").unlink()
    monkeypatch.setattr(NgrokPackage, "is_installed", lambda _: False)
    look = await ngrok.look()
    assert (look.lacks, look.command) == ("missing", "get ngrok")
    guard.close()


async def test_a_relay_that_cannot_be_reached_is_a_matter_of_the_network(tmp_path: Path, port: int) -> None:
    async with scene_of("ssh", tmp_path) as scene:
        assert scene.relay is not None
        await scene.relay.__aexit__()
        with pytest.raises(TunnelRefused) as refused:
            async with scene.provider.open(scene.target(port)):
                pass
    assert refused.value.kind == "network"


async def test_cloudflared_tries_http2_where_udp_is_blocked(tmp_path: Path, port: int) -> None:
    async with scene_of("cloudflared", tmp_path) as scene:
        scene.fail("udp")
        async with scene.provider.open(scene.target(port)) as opened:
            assert (await ask(scene, opened.url)).endswith(b"hello")
        assert scene.runs()[-1]["argv"][-2:] == ["--protocol", "http2"]


async def test_tailscale_takes_another_port_if_one_is_served(tmp_path: Path, port: int) -> None:
    async with scene_of("tailscale", tmp_path) as scene:
        scene.fail("busy")
        async with scene.provider.open(scene.target(port)) as opened:
            assert opened.url == "https://node.tail1234.ts.net:8443"


async def test_a_relay_gives_another_name_while_the_tunnel_is_open(tmp_path: Path, port: int) -> None:
    async with scene_of("ssh", tmp_path) as scene:
        assert scene.relay is not None
        async with scene.provider.open(scene.target(port)) as opened:
            first = opened.url
            scene.relay.renaming.set()
            second = await asyncio.wait_for(opened.changed(), 20)
            assert second == opened.url != first
            assert (await ask(scene, second)).endswith(b"hello")


async def test_a_relay_with_another_key_is_not_trusted(tmp_path: Path, port: int) -> None:
    async with scene_of("ssh", tmp_path) as scene:
        assert scene.relay is not None
        async with scene.provider.open(scene.target(port)):
            pass
        # Another key for the same address.
        hosts = tmp_path / "known hosts"
        other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZkM2tGNJ9vyDq5mUGHbJ3tSPqYzJm0eJfYqkV0yq1p"
        hosts.write_text(f"{hosts.read_text().split()[0]} {other}\n")
        with pytest.raises(TunnelRefused) as refused:
            async with scene.provider.open(scene.target(port)):
                pass
    assert refused.value.kind == "sign in"
    assert "another key" in refused.value.message


_ALONE = """
import asyncio, os, sys
from pathlib import Path
from server.machine.tunnels.provider import Target
from tests.server.machine.tunnels.scenes import scene_of

async def main():
    async with scene_of(sys.argv[1], Path(sys.argv[2])) as scene:
        async with scene.provider.open(scene.target(9)) as opened:
            print(opened.url, flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("name", "mode"), [*((name, "") for name in NAMES), *((name, "rights") for name in ("cloudflared", "ngrok"))]
)
def test_no_program_is_left_if_we_are_killed(name: str, mode: str, tmp_path: Path) -> None:
    """Also one with rights of its own, as from a snap: the kernel does not signal it."""
    (tmp_path / f"{name}.mode").write_text(mode)
    command = [sys.executable, "-c", _ALONE, name, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as us:
        try:
            assert us.stdout is not None
            assert us.stdout.readline().startswith("https://")
            mine = psutil.Process(us.pid).children(recursive=True)
            assert mine
        finally:
            us.kill()
    _, alive = psutil.wait_procs(mine, timeout=20)
    assert alive == []
