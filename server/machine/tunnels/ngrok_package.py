"""ngrok by its Python package, if the user has installed it beside Drawbridge, and by the program if that is there."""

import asyncio
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.errors import TunnelRefused
from server.machine.tunnels.child import ProgramContext, running
from server.machine.tunnels.child_environment import child_environment
from server.machine.tunnels.ngrok_program import (
    OPEN_TIMEOUT_S,
    STORE_TOKEN,
    TOKEN_URL,
    TOKEN_VARIABLE,
    TRAITS,
    NgrokProgram,
    explain,
)
from server.machine.tunnels.provider import Look, Opened, Provider, Secret, Target
from server.machine.tunnels.waiting import LineTunnel
from server.machine.version import own_version

_AGENT = Path(__file__).with_name("ngrok_agent.py")
_NO_TOKEN = "Store the token that ngrok's dashboard shows."  # noqa: S105 # a sentence


@dataclass(frozen=True, slots=True)
class NgrokServer:
    """Another server than ngrok's own, as host:port, and the file with the authority of its certificate."""

    address: str
    authority: Path


def is_package_installed() -> bool:
    """Whether this Python has the package. An app with a Python of its own has not."""
    return not getattr(sys, "frozen", False) and importlib.util.find_spec("ngrok") is not None


class NgrokPackage:
    """The package `ngrok`, which is no dependency of ours. It keeps no token of its own."""

    traits = TRAITS

    def __init__(self, context: ProgramContext, token: Secret, server: NgrokServer | None = None) -> None:
        self._context, self._token, self._server = context, token, server

    def is_installed(self) -> bool:
        """Whether this Python has the package."""
        return is_package_installed()

    async def look(self, host: str = "") -> Look:  # noqa: ARG002 # any name will do
        """Whether the package is installed and there is a token."""
        if not self.is_installed():
            return Look("missing", "Install the package ngrok.", "pip install ngrok")
        if await asyncio.to_thread(self._token) is None:
            return Look("sign in", _NO_TOKEN, STORE_TOKEN, TOKEN_URL)
        return Look(version=importlib.metadata.version("ngrok"))

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        """Opens a tunnel. The token is passed in the environment: other users can read arguments."""
        look, token = await self.look(), await asyncio.to_thread(self._token)
        if look.lacks is not None or token is None:
            raise TunnelRefused(kind=look.lacks or "sign in", hint=look.hint, command=look.command, url=look.url)
        # -P: no folder of ours is searched for modules; -E: no variable of the user's changes Python.
        argv = [sys.executable, "-E", "-P", str(_AGENT), str(target.port), "--version", own_version()]
        argv += ["--domain", target.host] if target.host else []
        if self._server is not None:
            argv += ["--server", self._server.address, "--authority", str(self._server.authority)]
        tunnel = LineTunnel(explain)

        def on_line(line: str) -> None:
            try:
                event = json.loads(line)
            except ValueError:
                return
            if isinstance(event, dict) and event.get("event") == "open":
                tunnel.name(str(event["url"]).rstrip("/"))

        environment = child_environment(self._context.environ, {TOKEN_VARIABLE: token})
        async with running(argv, self._context, environment, on_line) as child:
            await tunnel.begin(child, OPEN_TIMEOUT_S)
            yield tunnel


class Ngrok:
    """The user's program if there is one, which knows proxies and its own token, else the package."""

    traits = TRAITS

    def __init__(self, program: NgrokProgram, package: NgrokPackage) -> None:
        self._program, self._package = program, package

    async def look(self, host: str = "") -> Look:
        """What the one that would open the tunnel says; without either, how to install the program."""
        return await self._chosen().look(host)

    def open(self, target: Target) -> AbstractAsyncContextManager[Opened]:
        """Opens a tunnel. Raises `TunnelRefused`."""
        return self._chosen().open(target)

    def _chosen(self) -> Provider:
        return self._package if not self._program.is_installed() and self._package.is_installed() else self._program
