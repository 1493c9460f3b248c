"""What every tunnel provider has: traits, a look at whether it could open, and a tunnel while it is open."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from server.errors import TunnelTrouble

ProviderName = Literal["tailscale", "cloudflared", "cloudflared-named", "ngrok", "ssh", "own"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a provider without a look at this computer.

    `keeps_name`: it has the same public name each time. `reader`: who can read the requests on their way; empty if
    no one can. `needs_host`: the user says the public name. `has_fixed_port`: something else sends the requests to
    the tunnel's port, so it must be the same each time. `asks`: it is opened only after the user agreed to `reader`.
    """

    name: ProviderName
    title: str
    keeps_name: bool
    reader: str
    needs_host: bool = False
    has_fixed_port: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Whether a provider could open a tunnel now: `lacks` is None, or what it lacks.

    `hint` says what to do then, `command` is what to run in a terminal, `url` what to open in a browser.
    """

    lacks: TunnelTrouble | None = None
    hint: str = ""
    command: str = ""
    url: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What a tunnel leads to: a port of 127.0.0.1. `host` is the public name that the user has chosen, if any."""

    port: int
    host: str = ""


class Opened(Protocol):
    """An open tunnel."""

    @property
    def url(self) -> str:
        """The public address, as in https://name.example, without a path."""

    async def changed(self) -> str:
        """Waits for another public address and returns it. Raises `TunnelRefused` when the tunnel has ended."""


class Provider(Protocol):
    """Opens tunnels to a port of this computer. Nothing is downloaded or installed."""

    @property
    def traits(self) -> Traits:
        """What is known of it."""

    async def look(self, host: str = "") -> Look:
        """Whether it could open a tunnel now; `host` is the public name that the user has chosen, if any."""

    def open(self, target: Target) -> AbstractAsyncContextManager[Opened]:
        """Opens a tunnel until the block ends. Raises `TunnelRefused`. Not proven: see `server.tunnel.proof`."""


Secret = Callable[[], str | None]
"""Returns a token that the user has stored for a provider, if any. It may block."""
