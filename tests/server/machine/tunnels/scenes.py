"""Each provider over its double, for the conformance suite."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from server.machine.processes.guard_watcher import _SCRIPT
from server.machine.processes.guards import guard_for_programs
from server.machine.tunnels.child import ProgramContext
from server.machine.tunnels.cloudflared import CloudflaredNamed, CloudflaredQuick
from server.machine.tunnels.ngrok_package import NgrokPackage, NgrokServer
from server.machine.tunnels.ngrok_program import NgrokProgram
from server.machine.tunnels.own_address import OwnAddress
from server.machine.tunnels.provider import Provider, Target
from server.machine.tunnels.ssh_relay import Relay, SshRelay
from server.machine.tunnels.tailscale import Tailscale
from tests.server.machine.tunnels.doubles import Doubles
from tests.server.machine.tunnels.edge import Edge
from tests.server.machine.tunnels.ngrok_service import TOKEN, NgrokService
from tests.server.machine.tunnels.relay import SshServer

NAMED_HOST = "claude.example.org"
NAMES = ("cloudflared", "cloudflared-named", "tailscale", "ngrok", "ngrok-package", "ssh")
# Besides the providers with a program: an address of the user's own.
EVERY = (*NAMES, "own")
# Variables that a child must not see.
SECRETS = {"ANTHROPIC_API_KEY": "sk-ant-secret", "DRAWBRIDGE_API_KEY": "db-secret", "CLAUDE_CODE_OAUTH_TOKEN": "oat"}


@dataclass
class Scene:
    """A provider, the edge that its tunnels end at, and what makes it fail."""

    provider: Provider
    edge: Edge
    doubles: Doubles
    program: str
    relay: SshServer | None = None
    service: NgrokService | None = None
    host: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def target(self, port: int) -> Target:
        (self.doubles.folder / "cloudflared.named").write_text(f"{NAMED_HOST} {port}")
        return Target(port, self.host)

    def runs(self) -> list[dict[str, Any]]:
        return self.doubles.runs(self.program)

    def fail(self, mode: str) -> None:
        for double in (self.relay, self.service):
            if double is not None:
                double.refusal = mode
        self.doubles.fail(self.program, mode)


@asynccontextmanager
async def scene_of(name: str, folder: Path) -> AsyncIterator[Scene]:
    """The provider `name`, whose program is installed in `folder`."""
    async with AsyncExitStack() as stack:
        edge = await stack.enter_async_context(Edge())
        doubles = Doubles(folder, edge.agents)
        program = name.partition("-")[0]
        environ = {**SECRETS, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
        guard = guard_for_programs()
        stack.callback(guard.close)
        context = ProgramContext(guard, environ)
        relay = await stack.enter_async_context(SshServer(edge)) if name == "ssh" else None
        package = name == "ngrok-package"
        service = await stack.enter_async_context(NgrokService(edge, folder)) if package else None
        if relay is None and service is None and name != "own":
            doubles.install(program)
        makers: dict[str, Callable[[], Provider]] = {
            "cloudflared": lambda: CloudflaredQuick(context),
            "cloudflared-named": lambda: CloudflaredNamed(context, lambda: "named-token"),
            "tailscale": lambda: Tailscale(context),
            "ngrok": lambda: NgrokProgram(context, lambda: "ngrok-token"),
            "own": OwnAddress,
            "ngrok-package": lambda: NgrokPackage(context, lambda: TOKEN, _server_of(service)),
            "ssh": lambda: SshRelay(context, folder / "known hosts", Relay("127.0.0.1", relay.port if relay else 0)),
        }
        host = NAMED_HOST if name in {"cloudflared-named", "own"} else ""
        yield Scene(makers[name](), edge, doubles, program, relay, service, host, environ)


def programs() -> list[psutil.Process]:
    """The tunnels' programs that this process runs, without what guards them. Some may end at any moment."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if _SCRIPT not in child.cmdline():
                found += [child, *child.children(recursive=True)]
    return found


def kill_programs() -> None:
    for program in programs():
        with suppress(psutil.NoSuchProcess):
            program.kill()


def _server_of(service: NgrokService | None) -> NgrokServer | None:
    return NgrokServer(f"localhost:{service.port}", service.authority) if service else None
