"""Cloudflare's tunnels by the program cloudflared: a quick one with a new name each time, or one of the user's own."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from server.errors import TunnelRefused
from server.machine.tunnels.child import Child, ProgramContext, output_of, running
from server.machine.tunnels.child_environment import child_environment
from server.machine.tunnels.loopback_get import status_of
from server.machine.tunnels.programs import CLOUDFLARED, Program
from server.machine.tunnels.provider import Look, Opened, Secret, Target, Traits
from server.machine.tunnels.waiting import LineTunnel, before_end

TOKEN_VARIABLE = "TUNNEL_TOKEN"  # noqa: S105 # the name of a variable
# How long the service may take to give a name, and the connections to it to stand.
NAME_TIMEOUT_S = 30.0
READY_TIMEOUT_S = 20.0
_POLL_S = 0.2
_QUICK = re.compile(r"https://(?!api\.)[a-z0-9-]+\.trycloudflare\.com")
_METRICS = re.compile(r"Starting metrics server on 127\.0\.0\.1:(\d+)")
_LIMIT = re.compile(r"\b(?:429|1015)\b|Too Many Requests|failed to unmarshal quick Tunnel", re.IGNORECASE)
_NETWORK = re.compile(
    r"no such host|dial tcp|i/o timeout|connection refused|network is unreachable|failed to dial|TLS handshake",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"token is not valid|invalid tunnel secret|unauthorized|failed to get tunnel", re.IGNORECASE)
_READER = "Cloudflare"
# An empty file: a configuration of the user's own would break a quick tunnel.
_COMMON = ("--config", os.devnull, "--no-autoupdate", "--output", "json", "--metrics", "127.0.0.1:0")


class CloudflaredQuick:
    """A tunnel without an account. Its name is another one after each start."""

    traits = Traits("cloudflared", "Cloudflare quick tunnel", keeps_name=False, reader=_READER)

    def __init__(self, context: ProgramContext, program: Program = CLOUDFLARED) -> None:
        self._context, self._program = context, program

    async def look(self, host: str = "") -> Look:  # noqa: ARG002 # the name is Cloudflare's choice
        """Whether cloudflared is installed."""
        return await _look(self._context, self._program)

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        """Opens a tunnel over QUIC; if its connections do not stand, once more over HTTP/2."""
        arguments = [*_COMMON, "--grace-period", "2s", "--url", f"http://127.0.0.1:{target.port}"]
        cloudflared = _Cloudflared(self._context, self._program)
        async with cloudflared.over_one_of(["tunnel", *arguments], ["tunnel", *arguments, "--protocol", "http2"]) as it:
            yield it


class CloudflaredNamed:
    """A tunnel of the user's Cloudflare account. Its name is in the user's domain, its target is set at Cloudflare."""

    traits = Traits(
        "cloudflared-named",
        "Cloudflare tunnel with my domain",
        keeps_name=True,
        reader=_READER,
        needs_host=True,
        has_fixed_port=True,
    )

    def __init__(self, context: ProgramContext, token: Secret, program: Program = CLOUDFLARED) -> None:
        self._context, self._token, self._program = context, token, program

    async def look(self, host: str = "") -> Look:
        """Whether cloudflared is installed, and its name and token are known."""
        look = await _look(self._context, self._program)
        if look.lacks is not None:
            return look
        if not host:
            return Look("setting", "Set tunnel_host to the tunnel's public host name.")
        if await asyncio.to_thread(self._token) is None:
            return Look("sign in", "Store the tunnel's token, which Cloudflare's dashboard shows.", _STORE_TOKEN)
        return look

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        """Connects the tunnel. The token is passed in the environment: other users can read arguments."""
        look = await self.look(target.host)
        token = await asyncio.to_thread(self._token)
        if look.lacks is not None or token is None:
            raise TunnelRefused(kind=look.lacks or "sign in", hint=look.hint, command=look.command)
        arguments = ["tunnel", *_COMMON, "--grace-period", "2s"]
        cloudflared = _Cloudflared(self._context, self._program, url=f"https://{target.host}", token=token)
        async with cloudflared.over_one_of([*arguments, "run"], [*arguments, "--protocol", "http2", "run"]) as opened:
            yield opened


_STORE_TOKEN = "drawbridge tunnel token cloudflared-named"  # noqa: S105 # a command


class _Cloudflared:
    """One opening of a tunnel. `url` is its address if that is known before."""

    def __init__(self, context: ProgramContext, program: Program, *, url: str = "", token: str | None = None) -> None:
        self._context, self._program, self._known_url = context, program, url
        secrets = {TOKEN_VARIABLE: token} if token else None
        self._environment = child_environment(context.environ, secrets)

    @asynccontextmanager
    async def over_one_of(self, first: list[str], second: list[str]) -> AsyncIterator[Opened]:
        """Opens the tunnel with the arguments `first`; if the network does not let its connections through, `second`.

        Some networks block UDP, over which the connections go first.
        """
        path = self._program.find(self._context.environ)
        if path is None:
            raise TunnelRefused("cloudflared is not installed.", kind="missing", command=self._program.install_command)
        async with AsyncExitStack() as stack:
            try:
                tunnel = await stack.enter_async_context(self._opened([str(path), *first]))
            except TunnelRefused as error:
                if error.kind != "network":
                    raise
                tunnel = await stack.enter_async_context(self._opened([str(path), *second]))
            yield tunnel

    @asynccontextmanager
    async def _opened(self, argv: list[str]) -> AsyncIterator[Opened]:
        tunnel, metrics = LineTunnel(_explain), _Metrics()

        def on_line(line: str) -> None:
            text = _message(line)
            metrics.read(text)
            if (found := _QUICK.search(text)) and not self._known_url:
                tunnel.name(found[0])

        async with running(argv, self._context, self._environment, on_line) as child:
            if self._known_url:
                tunnel.name(self._known_url)
            await tunnel.begin(child, NAME_TIMEOUT_S)
            await before_end(child, metrics.ready(), _explain, timeout_s=READY_TIMEOUT_S)
            yield tunnel


class _Metrics:
    """The readiness that cloudflared reports on a port of this computer, which a line of its log names."""

    def __init__(self) -> None:
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def read(self, text: str) -> None:
        """Reads a line of the log."""
        if (found := _METRICS.search(text)) and not self._port.done():
            self._port.set_result(int(found[1]))

    async def ready(self) -> None:
        """Waits until a connection to Cloudflare stands."""
        port = await self._port
        while await status_of(port, "/ready") != 200:  # noqa: ASYNC110 # cloudflared has to be asked
            await asyncio.sleep(_POLL_S)


async def _look(context: ProgramContext, program: Program) -> Look:
    path = program.find(context.environ)
    if path is None:
        return Look("missing", "Install cloudflared, then try again.", program.install_command)
    code, output = await output_of([str(path), "--version"], context, child_environment(context.environ))
    found = re.search(r"\d+\.\d+\.\d+", output)
    return Look(version=found[0] if code == 0 and found else "")


def _message(line: str) -> str:
    """The message of a line of the log, which is JSON; older versions write plain text."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict):
        return line
    return " ".join(str(record[name]) for name in ("message", "error", "err") if record.get(name))


def _explain(child: Child) -> TunnelRefused:
    """Why cloudflared has ended, or does not get its connections: by its latest lines."""
    texts = [_message(line) for line in child.lines]
    whole = "\n".join(texts)
    last = next((text for text in reversed(texts) if "error" in text.lower() or "fail" in text.lower()), "")
    detail = f" cloudflared: {last[:200]}" if last else ""
    if _LIMIT.search(whole):
        return TunnelRefused(
            f"Cloudflare gives no quick tunnel right now.{detail}",
            kind="limit",
            hint="Try again in a few minutes, or use another provider.",
        )
    if _TOKEN.search(whole):
        return TunnelRefused(
            f"Cloudflare refuses the tunnel's token.{detail}",
            kind="sign in",
            hint="Store it again.",
            command=_STORE_TOKEN,
        )
    if child.is_running or _NETWORK.search(whole):
        return TunnelRefused(
            f"Cloudflare cannot be reached.{detail}", kind="network", hint="Check the network; port 7844 must be open."
        )
    return TunnelRefused(f"cloudflared has ended.{detail}", kind="ended")
