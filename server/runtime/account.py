"""Caches the account, the payer and the CLI's version, as Claude Code reports them."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from server.claude.cli.account import account_status
from server.claude.cli.versions import cli_version
from server.config import Config
from server.errors import CredentialsRefused, DrawbridgeError, EngineError, SignInNeeded
from server.machine.billing import with_required_payer
from server.machine.credentials import Refusal
from server.selfcheck.capabilities import CliFingerprint, fingerprint_of
from server.status import AccountStatus, CliStatus

logger = logging.getLogger(__name__)

CACHED_S = 10.0
_DEMO = AccountStatus(payer="demo", detail="demo: no account, no cost", signed_in=True)


class AccountCache:
    """What Claude Code last reported. `environment` is that of answering processes, so that both use one payer."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        find_cli: Callable[[], Path],
        environment: Callable[[], Mapping[str, str]],
        on_change: Callable[[], None],
    ) -> None:
        self._config = config
        self._find_cli = find_cli
        self._environment = environment
        self._on_change = on_change
        self._task: asyncio.Task[None] | None = None
        self._asked_at = -CACHED_S
        self._version_key: CliFingerprint | None = None
        # Incremented by `invalidate`: an answer to an earlier question is then dropped.
        self._generation = 0
        self.cli = CliStatus()
        self.account = _DEMO if config().demo else AccountStatus()

    async def refresh(self) -> None:
        """Asks the CLI for its version and account, unless the cached answer is recent."""
        while self._task is not None or time.monotonic() - self._asked_at >= CACHED_S:
            if self._task is None:
                self._task = asyncio.create_task(self._ask())
            await asyncio.shield(self._task)

    def invalidate(self) -> None:
        """Drops what is cached, because another account may be in use, and asks again in the background."""
        self._generation += 1
        self._asked_at = -CACHED_S
        if self._task is None:
            self._task = asyncio.create_task(self._ask())

    async def version_of(self, cli: Path) -> str:
        """Returns the version of the program at `cli`. Raises `EngineError`."""
        await self.refresh()
        if self.cli.path == str(cli) and self._known_version(cli) is None:
            # Claude Code has updated itself meanwhile; a result stored under its old version would be useless.
            self._asked_at = -CACHED_S
            await self.refresh()
        return self._known_version(cli) or await cli_version(cli, self._environment())

    async def close(self) -> None:
        """Cancels a question in flight."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _known_version(self, cli: Path) -> str | None:
        """The cached version if the file at `cli` is the one that reported it; else None."""
        try:
            return self.cli.version if self._version_key == fingerprint_of(cli) else None
        except OSError:
            return None

    async def _ask(self) -> None:
        before, generation, config = (self.cli, self.account), self._generation, self._config()
        try:
            environment = self._environment()
            path = self._find_cli()
            self.cli = replace(self.cli, path=str(path))
            key = fingerprint_of(path)
            self.cli, self._version_key = CliStatus(str(path), await cli_version(path, environment)), key
            account = (
                self.account
                if config.demo
                else with_required_payer(config.payer, await account_status(path, environment))
            )
            if generation == self._generation:
                self.account = account
        except (EngineError, OSError) as error:
            logger.warning("cannot read the version and account from Claude Code: %s", getattr(error, "message", error))
        finally:
            if generation == self._generation:
                self._asked_at = time.monotonic()
            self._task = None
        if (self.cli, self.account) != before:
            self._on_change()


def explained(error: DrawbridgeError, find_refusal: Callable[[], Refusal | None]) -> DrawbridgeError:
    """The error, which names credentials that Claude's API refuses if a sign-in would not help."""
    if not isinstance(error, SignInNeeded) or error.status != 401 or isinstance(error, CredentialsRefused):
        return error
    if (refusal := find_refusal()) is None:
        return error
    detail = error.message.partition(": ")[2]
    message = f"{refusal.title}{f': {detail}' if detail else '.'}"
    return CredentialsRefused(message, status=error.status, hint=refusal.cure, title=refusal.title)
