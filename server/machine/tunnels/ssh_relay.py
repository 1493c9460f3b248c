"""A relay by the system's ssh, at localhost.run: no account, nothing to install, but it can read the traffic."""

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.errors import TunnelRefused
from server.machine.tunnels.child import Child, ProgramContext, running
from server.machine.tunnels.child_environment import child_environment
from server.machine.tunnels.programs import SSH, Program
from server.machine.tunnels.provider import Look, Opened, Target, Traits
from server.machine.tunnels.waiting import LineTunnel

OPEN_TIMEOUT_S = 30.0
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{1,250}")
_NETWORK = re.compile(
    r"could not resolve|connection refused|timed out|network is unreachable|no route to host|connection reset"
    r"|kex_exchange_identification|not responding",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"remote port forwarding failed|too many|rate limit|try again later", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Relay:
    """An ssh server that gives forwarded ports a public name, and tells it as JSON."""

    host: str = "localhost.run"
    port: int = 22
    user: str = "nokey"


class SshRelay:
    """A tunnel by `ssh -R`. `known_hosts` is a file of ours with the relay's key, which must stay the same."""

    traits = Traits("ssh", "ssh relay (localhost.run)", keeps_name=False, reader="localhost.run", asks=True)

    def __init__(
        self, context: ProgramContext, known_hosts: Path, relay: Relay | None = None, program: Program = SSH
    ) -> None:
        self._context, self._known_hosts, self._program = context, known_hosts, program
        self._relay = relay or Relay()

    async def look(self, host: str = "") -> Look:  # noqa: ARG002 # the name is the relay's choice
        """Whether ssh is installed."""
        if self._program.find(self._context.environ) is None:
            return Look("missing", "Install the OpenSSH client.", self._program.install_command)
        return Look()

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        """Opens a tunnel. The relay tells its name, and another one when that changes."""
        path = self._program.find(self._context.environ)
        if path is None:
            raise TunnelRefused("ssh is not installed.", kind="missing", command=self._program.install_command)
        tunnel = LineTunnel(_explain)

        def on_line(line: str) -> None:
            if (name := _name_in(line)) is not None:
                tunnel.name(f"https://{name}")

        argv = [str(path), *self._arguments(target)]
        async with running(argv, self._context, child_environment(self._context.environ), on_line) as child:
            await tunnel.begin(child, OPEN_TIMEOUT_S)
            yield tunnel

    def _arguments(self, target: Target) -> list[str]:
        relay = self._relay
        options = {
            "BatchMode": "yes",
            "ExitOnForwardFailure": "yes",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "3",
            "ConnectTimeout": "15",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": f'"{self._known_hosts}"',
            "GlobalKnownHostsFile": os.devnull,
            # Neither the user's keys nor the agent's: the relay needs none, and would learn who they are.
            "IdentityFile": "none",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
        }
        set_options = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        forward = f"80:127.0.0.1:{target.port}"
        context = ["-p", str(relay.port), f"{relay.user}@{relay.host}"]
        told = ["--", "--output", "json", "--no-inject-http-proxy-headers"]
        return ["-F", "none", "-T", *set_options, "-R", forward, *context, *told]


def _name_in(line: str) -> str | None:
    """The public name in a line of the relay, if it tells one."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("authz_code", "OK") != "OK":
        return None
    address = event.get("address")
    if event.get("event") != "tcpip-forward" or not isinstance(address, str):
        return None
    return address.lower() if _HOST.fullmatch(address.lower()) else None


def _explain(child: Child) -> TunnelRefused:
    whole = "\n".join(child.lines)
    if "HOST IDENTIFICATION HAS CHANGED" in whole or "Host key verification failed" in whole:
        return TunnelRefused(
            "The relay has another key than before, so it may not be the relay.",
            kind="sign in",
            hint="If you trust it all the same, delete the file tunnel-known-hosts in Drawbridge's data folder.",
        )
    if "permission denied" in whole.lower():
        return TunnelRefused(
            "The relay refuses connections without a key.", kind="sign in", hint="Use another provider."
        )
    if _LIMIT.search(whole):
        return TunnelRefused("The relay refuses another tunnel.", kind="limit", hint="Try again in a few minutes.")
    if child.is_running or _NETWORK.search(whole):
        return TunnelRefused(
            "The relay cannot be reached.", kind="network", hint="Check the network; port 22 must be open."
        )
    return TunnelRefused(f"ssh has ended. {child.words}".strip(), kind="ended")
