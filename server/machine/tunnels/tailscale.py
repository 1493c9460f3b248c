"""Tailscale Funnel: the computer's own name in the user's Tailscale network, reachable from everywhere."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from server.errors import TunnelRefused
from server.machine.tunnels.child import Child, ProgramContext, output_of, running
from server.machine.tunnels.child_environment import child_environment
from server.machine.tunnels.programs import TAILSCALE, Program
from server.machine.tunnels.provider import Look, Opened, Target, Traits
from server.machine.tunnels.waiting import LineTunnel

# The ports that Funnel allows, the one without a number in the address first.
_PORTS = (443, 8443, 10000)
READY_TIMEOUT_S = 30.0
_POLL_S = 0.3
_CONSENT = re.compile(r"https://login\.tailscale\.com/\S+")
_DENIED = re.compile(r"access denied|serve config denied|permission denied", re.IGNORECASE)
_OPERATOR = "sudo tailscale set --operator=$USER"


class Tailscale:
    """The user's own Tailscale. It ends the tunnel's TLS on this computer, so only Tailscale's relay is between."""

    traits = Traits("tailscale", "Tailscale Funnel", keeps_name=True, reader="")

    def __init__(self, context: ProgramContext, program: Program = TAILSCALE) -> None:
        self._context, self._program = context, program
        self._environment = child_environment(context.environ)

    async def look(self, host: str = "") -> Look:  # noqa: ARG002 # the name is the computer's
        """Whether Tailscale is installed, running and signed in."""
        path = self._program.find(self._context.environ)
        if path is None:
            return Look("missing", "Install Tailscale and sign in, then try again.", self._program.install_command)
        status = await self._json(path, "status", "--json")
        state = status.get("BackendState")
        if state == "Running" and _name(status):
            return Look(version=str(status.get("Version", "")).partition("-")[0])
        url = status.get("AuthURL")
        if state == "NeedsLogin":
            hint = "Sign in to Tailscale, then try again."
            return Look("sign in", hint, "tailscale up", url if isinstance(url, str) else "")
        return Look("sign in", "Tailscale does not run: start it, then try again.", "tailscale up")

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        """Runs a funnel in the foreground, so that it ends with its program."""
        look, path = await self.look(), self._program.find(self._context.environ)
        if look.lacks is not None or path is None:
            raise TunnelRefused(kind=look.lacks or "missing", hint=look.hint, command=look.command, url=look.url)
        name = _name(await self._json(path, "status", "--json"))
        port = _free_port(await self._json(path, "funnel", "status", "--json"))
        tunnel = LineTunnel(_explain)

        def on_line(line: str) -> None:
            if found := _CONSENT.search(line):
                hint = "Allow Funnel for this computer on that page, then open the tunnel again."
                tunnel.refuse(
                    TunnelRefused("Tailscale does not allow Funnel yet.", kind="sign in", hint=hint, url=found[0])
                )

        argv = [str(path), "funnel", "--yes", f"--https={port}", str(target.port)]
        async with running(argv, self._context, self._environment, on_line) as child:
            watching = asyncio.create_task(self._wait_until_served(path, port, target.port))
            url = f"https://{name}" + (f":{port}" if port != _PORTS[0] else "")
            watching.add_done_callback(
                lambda task: tunnel.name(url) if not task.cancelled() and task.exception() is None else None
            )
            try:
                await tunnel.begin(child, READY_TIMEOUT_S)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            yield tunnel

    async def _wait_until_served(self, path: Path, port: int, target: int) -> None:
        async def is_served() -> bool:
            return _is_served(await self._json(path, "funnel", "status", "--json"), port, target)

        while not await is_served():  # noqa: ASYNC110 # Tailscale has to be asked
            await asyncio.sleep(_POLL_S)

    async def _json(self, path: Path, *arguments: str) -> Mapping[str, object]:
        """What Tailscale answers; empty if it does not run."""
        _, output = await output_of([str(path), *arguments], self._context, self._environment)
        try:
            # Warnings may precede the object.
            answer = json.loads(output[output.index("{") :])
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}


def _name(status: Mapping[str, object]) -> str:
    own = status.get("Self")
    name = own.get("DNSName") if isinstance(own, dict) else None
    return name.rstrip(".").lower() if isinstance(name, str) else ""


def _served(config: Mapping[str, object]) -> list[Mapping[str, object]]:
    """What Tailscale serves: in the background, and for each program in the foreground."""
    foreground = config.get("Foreground")
    others = foreground.values() if isinstance(foreground, dict) else ()
    return [config, *(one for one in others if isinstance(one, dict))]


def _free_port(config: Mapping[str, object]) -> int:
    taken: set[str] = set()
    for one in _served(config):
        ports = one.get("TCP")
        taken |= set(ports) if isinstance(ports, dict) else set()
    for port in _PORTS:
        if str(port) not in taken:
            return port
    raise TunnelRefused(
        "Tailscale serves something else on all three ports that Funnel allows.",
        kind="limit",
        hint="Stop one of them; 'tailscale funnel status' lists them.",
    )


def _is_served(config: Mapping[str, object], port: int, target: int) -> bool:
    pattern = re.compile(rf':{port}"?:.*127\.0\.0\.1:{target}\b', re.DOTALL)
    for one in _served(config):
        web, allowed = one.get("Web"), one.get("AllowFunnel")
        is_public = isinstance(allowed, dict) and any(str(name).endswith(f":{port}") for name in allowed)
        if is_public and pattern.search(json.dumps(web)):
            return True
    return False


def _explain(child: Child) -> TunnelRefused:
    whole = "\n".join(child.lines)
    if _DENIED.search(whole):
        hint = "Let your user change it, once."
        return TunnelRefused("Tailscale lets only root open a funnel.", kind="sign in", hint=hint, command=_OPERATOR)
    if child.is_running:
        return TunnelRefused("Tailscale did not open the funnel in time.", kind="network", hint="Check the network.")
    return TunnelRefused(f"Tailscale's funnel has ended. {child.words}".strip(), kind="ended")
