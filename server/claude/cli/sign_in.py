"""Signing in to Claude Code without a terminal: it opens the browser and waits for what comes back from there."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from server.claude.cli.locate import account_status
from server.errors import CliFailed, SignInNeeded
from server.machine.guards import guard_for
from server.status import AccountStatus, SignInAccount

logger = logging.getLogger(__name__)

# As long as a person may take in the browser.
SIGN_IN_TIMEOUT_S = 600.0
_URL = re.compile(rb"https://[^\s\x1b]+")


async def sign_in(
    path: Path,
    environment: Mapping[str, str],
    account: SignInAccount = "claudeai",
    on_url: Callable[[str], None] = lambda _: None,
    *,
    timeout_s: float = SIGN_IN_TIMEOUT_S,
) -> AccountStatus:
    """Runs Claude Code's own sign-in in the browser, and says who is signed in afterwards.

    `on_url` gets the address that it prints for a browser which does not open; what that page ends with is a code for a
    terminal (`drawbridge login`). `environment` must let a browser be found. Drawbridge sees no credentials.
    Raises `CliFailed` when it does not run, `SignInNeeded` when it ends, or `timeout_s` passes, without a sign-in.
    Cancelled, or at the time-out, its process is killed.
    """
    guard = guard_for(alone=True)
    try:
        transport, listener = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Listener(on_url),
            *guard.wrap([str(path), "auth", "login", f"--{account}"]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(environment),
            **guard.spawn_options(),
        )
    except OSError as error:
        guard.close()
        raise CliFailed(f"Claude Code at {str(path)!r} cannot be run: {error.strerror or error}.") from error
    guard.adopt(transport.get_pid())
    try:
        async with asyncio.timeout(timeout_s):
            await listener.exited.wait()
    except TimeoutError as error:
        raise SignInNeeded(f"Nobody signed in within {timeout_s / 60:.0f} minutes.", hint="Try again.") from error
    finally:
        # Kills it if it still runs; and a browser that it started may hold our pipe open for days.
        transport.close()
        await asyncio.shield(listener.exited.wait())
        guard.close()
    code = transport.get_returncode()
    logger.info("the sign-in ended with code %s", code)
    if code != 0:
        raise SignInNeeded(
            f"Claude Code's sign-in ended with code {code}.", hint="Try again, or run 'drawbridge login' in a terminal."
        )
    found = await account_status(path, environment)
    if not found.signed_in:
        raise SignInNeeded("Claude Code's sign-in ended, and nobody is signed in.", hint="Try again.")
    return found


class _Listener(asyncio.SubprocessProtocol):
    """Takes all that it says, so that no full pipe holds it up. Nothing of it is logged: an address holds secrets."""

    def __init__(self, on_url: Callable[[str], None]) -> None:
        self.exited = asyncio.Event()
        self._on_url: Callable[[str], None] | None = on_url
        self._said = b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 # there is one pipe
        """Not line by line, for its last line is a question without an end. An address is whole when more follows."""
        self._said = (self._said + data)[-8192:]
        match = _URL.search(self._said)
        if self._on_url is not None and match is not None and match.end() < len(self._said):
            on_url, self._on_url = self._on_url, None
            on_url(match[0].decode())

    def process_exited(self) -> None:
        """It is over."""
        self.exited.set()
