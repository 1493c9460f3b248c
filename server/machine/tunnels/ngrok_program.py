"""ngrok by the user's own program."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.errors import TunnelRefused
from server.machine.tunnels.child import Child, ProgramContext, output_of, running
from server.machine.tunnels.child_environment import child_environment
from server.machine.tunnels.programs import NGROK, Program
from server.machine.tunnels.provider import Look, Opened, Secret, Target, Traits
from server.machine.tunnels.waiting import LineTunnel

TOKEN_VARIABLE = "NGROK_AUTHTOKEN"  # noqa: S105 # the name of a variable
STORE_TOKEN = "drawbridge tunnel token ngrok"  # noqa: S105 # a command
TOKEN_URL = "https://dashboard.ngrok.com/get-started/your-authtoken"  # noqa: S105 # a page
OPEN_TIMEOUT_S = 30.0
TRAITS = Traits("ngrok", "ngrok", keeps_name=True, reader="ngrok")
_CODE = re.compile(r"ERR_NGROK_(\d+)")
# No token, a wrong one, a revoked one, an account that must be confirmed.
_SIGN_IN = frozenset({"105", "106", "107", "109", "120", "4018", "123"})
# Too many agents or endpoints, the name is in use by another agent, the plan's requests are used up.
_LIMITS = frozenset({"108", "334", "324", "725", "727", "8012", "3200"})
_NETWORK = re.compile(
    r"no such host|i/o timeout|network is unreachable|connection refused|reconnecting"
    r"|failed to (?:connect|reconnect|establish|dial)|connection to ngrok is lost"
)


class NgrokProgram:
    """The user's ngrok, which may have its own token; `token` is the one that is stored here."""

    traits = TRAITS

    def __init__(self, context: ProgramContext, token: Secret, program: Program = NGROK) -> None:
        self._context, self._token, self._program = context, token, program

    def is_installed(self) -> bool:
        """Whether the program is on this computer."""
        return self._program.find(self._context.environ) is not None

    async def look(self, host: str = "") -> Look:  # noqa: ARG002 # any name will do
        """Whether ngrok is installed. Whether it has a token shows only when it connects."""
        path = self._program.find(self._context.environ)
        if path is None:
            return Look("missing", "Install ngrok and give it your token.", self._program.install_command)
        _, output = await output_of([str(path), "version"], self._context, child_environment(self._context.environ))
        found = re.search(r"\d+\.\d+\.\d+", output)
        return Look(version=found[0] if found else "")

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        """Opens a tunnel. The inspector is off: it would keep every request."""
        path = self._program.find(self._context.environ)
        if path is None:
            raise TunnelRefused("ngrok is not installed.", kind="missing", command=self._program.install_command)
        token = await asyncio.to_thread(self._token)
        environment = child_environment(self._context.environ, {TOKEN_VARIABLE: token} if token else None)
        argv = [str(path), "http", f"127.0.0.1:{target.port}", "--log", "stdout", "--log-format", "json"]
        argv += ["--inspect=false", *([f"--url=https://{target.host}"] if target.host else [])]
        tunnel = LineTunnel(explain)

        def on_line(line: str) -> None:
            try:
                record = json.loads(line)
            except ValueError:
                return
            if isinstance(record, dict) and record.get("msg") == "started tunnel" and record.get("url"):
                tunnel.name(str(record["url"]).rstrip("/"))

        async with running(argv, self._context, environment, on_line) as child:
            await tunnel.begin(child, OPEN_TIMEOUT_S)
            yield tunnel


def refusal(text: str) -> TunnelRefused | None:
    """The error for what ngrok says in `text`, if it holds one of ngrok's codes."""
    codes = set(_CODE.findall(text))
    if codes & _SIGN_IN:
        return TunnelRefused(
            f"ngrok refuses the token (ERR_NGROK_{min(codes & _SIGN_IN)}).",
            kind="sign in",
            hint="Store the one that ngrok's dashboard shows.",
            command=STORE_TOKEN,
            url=TOKEN_URL,
        )
    if codes & _LIMITS:
        code = min(codes & _LIMITS)
        return TunnelRefused(f"ngrok refuses another tunnel (ERR_NGROK_{code}).", kind="limit", hint=_see(code))
    if codes:
        code = min(codes)
        return TunnelRefused(f"ngrok has ended (ERR_NGROK_{code}).", kind="ended", hint=_see(code))
    return None


def _see(code: str) -> str:
    return f"See https://ngrok.com/docs/errors/err_ngrok_{code}"


def explain(child: Child) -> TunnelRefused:
    """Why ngrok has ended, or does not open: by its latest lines."""
    whole = "\n".join(child.lines)
    if (known := refusal(whole)) is not None:
        return known
    if child.is_running or _NETWORK.search(whole):
        return TunnelRefused("ngrok cannot be reached.", kind="network", hint="Check the network.")
    return TunnelRefused("ngrok has ended.", kind="ended")
