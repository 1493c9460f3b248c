"""Signs in to Claude Code without a terminal: its CLI opens the browser and waits for the redirect."""

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from server.claude.cli.account import account_status
from server.claude.cli.program import ProgramOutput, run_program
from server.errors import SignInNeeded
from server.status import AccountStatus, SignInAccount

logger = logging.getLogger(__name__)

# How long the user may take in the browser.
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
    """Runs `claude auth login` and returns the account that is signed in afterwards. Drawbridge sees no credentials.

    `on_url` gets the address that the CLI prints in case no browser opens; the page behind it shows a code that only
    a terminal can take (`drawbridge login`). `environment` must allow a browser to be found.
    Raises `CliFailed` if the CLI does not run, `SignInNeeded` if it ends or `timeout_s` passes without a sign-in.
    The process is killed at the timeout and on cancellation.
    """
    arguments = ["auth", "login", f"--{account}"]
    try:
        code = await run_program(path, arguments, environment, _Listener(on_url), timeout_s=timeout_s, alone=True)
    except TimeoutError as error:
        raise SignInNeeded(f"No sign-in within {timeout_s / 60:.0f} minutes.", hint="Try again.") from error
    logger.info("claude auth login ended with code %s", code)
    if code != 0:
        raise SignInNeeded(
            f"Claude Code's sign-in ended with code {code}.", hint="Try again, or run 'drawbridge login' in a terminal."
        )
    status = await account_status(path, environment)
    if not status.signed_in:
        raise SignInNeeded("Claude Code's sign-in ended without signing in.", hint="Try again.")
    return status


class _Listener(ProgramOutput):
    """Drains the output, so that a full pipe does not block the process. Not logged: the address contains secrets."""

    def __init__(self, on_url: Callable[[str], None]) -> None:
        super().__init__()
        self._on_url: Callable[[str], None] | None = on_url
        self._output = b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 # there is one pipe
        """Searches the text, not lines: the last is a prompt. The address is complete once a byte follows it."""
        self._output = (self._output + data)[-8192:]
        match = _URL.search(self._output)
        if self._on_url is not None and match is not None and match.end() < len(self._output):
            on_url, self._on_url = self._on_url, None
            on_url(match[0].decode())
