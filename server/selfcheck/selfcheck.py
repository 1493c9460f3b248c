"""Checks the installed Claude Code once, in the background, and publishes the serving mode that follows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path

from server.backoff import Backoff
from server.errors import EngineError
from server.selfcheck.capabilities import CheckInconclusive, CheckResult, CliFingerprint, ProbeResult, fingerprint_of
from server.selfcheck.fallback import ServingMode, bundled_unless_same, serving_mode_for, stored_result
from server.selfcheck.store import ResultStore

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 30.0
LONGEST_RETRY_S = 600.0
DECISION_TIMEOUT_S = 30.0

RunProbes = Callable[[Path], Awaitable[tuple[ProbeResult, ...]]]
VersionOf = Callable[[Path], Awaitable[str]]
OpenSlot = Callable[[], AbstractAsyncContextManager[None]]


class SelfCheck:
    """`use` sets the installed Claude Code, `mode` is the current serving mode, `on_change` follows each change of it.

    `run_probes` checks one program and raises `CheckInconclusive` if it cannot. `open_slot` reserves a place in the
    pool for the check's process. `version_of` raises an `EngineError`. `bundled` is the Claude Code that comes with
    Drawbridge, None where there is none.
    """

    def __init__(
        self,
        *,
        store: ResultStore,
        bundled: Path | None,
        run_probes: RunProbes,
        version_of: VersionOf,
        open_slot: OpenSlot,
        on_change: Callable[[], None],
        backoff: Backoff | None = None,
    ) -> None:
        self._store = store
        self._bundled = bundled
        self._run_probes = run_probes
        self._version_of = version_of
        self._open_slot = open_slot
        self._on_change = on_change
        self._backoff = backoff or Backoff(first_s=FIRST_RETRY_S, longest_s=LONGEST_RETRY_S)
        self._fingerprint: CliFingerprint | None = None
        self._result: CheckResult | None = None
        # The bundled program where it is not the installed one itself.
        self._other: Path | None = None
        self._is_bundled = False
        self._is_open = False
        self._task: asyncio.Task[None] | None = None
        self._decided = asyncio.Event()
        self.mode = ServingMode()

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of capabilities that the installed Claude Code lacks, as far as known."""
        return tuple(probe.capability.name.lower() for probe in self._result.failed) if self._result else ()

    async def decided(self) -> None:
        """Waits, at most `DECISION_TIMEOUT_S`, for the first result on a Claude Code that is not the bundled one."""
        if self._fingerprint is None or self._decided.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(DECISION_TIMEOUT_S):
                await self._decided.wait()

    def use(self, cli: Path) -> None:
        """Sets the installed Claude Code. A stored result applies at once; without one the program is checked."""
        try:
            fingerprint = fingerprint_of(cli)
        except OSError:
            # A missing program is reported when it is started.
            return
        if self._fingerprint is not None and self._fingerprint.matches(fingerprint):
            return
        self._fingerprint = fingerprint
        self._other = bundled_unless_same(cli, self._bundled)
        self._is_bundled = self._bundled is not None and self._other is None
        self._decided = asyncio.Event()
        self._apply(self._store.result(fingerprint), stored_result(self._store, self._other))
        self._start()

    def open(self) -> None:
        """Allows checks to start processes from now on."""
        self._is_open = True
        self._start()

    async def close(self) -> None:
        """Cancels a running check, with its process."""
        self._is_open = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _start(self) -> None:
        if self._fingerprint is not None and self._is_open:
            before, self._task = self._task, asyncio.create_task(self._run(Path(self._fingerprint.path), self._task))
            if before is not None:
                before.cancel()

    async def _run(self, cli: Path, before: asyncio.Task[None] | None) -> None:
        """Checks until there is a result, after the check of another program has ended."""
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        self._backoff.succeeded()
        while True:
            try:
                await self._check(cli)
            except CheckInconclusive as error:
                delay_s = self._backoff.failed()
                logger.warning("the self-check could not be done: %s; next try in %.0f s", error, delay_s)
                self._set_mode(replace(self.mode, summary=f"The self-check could not be done: {error}."))
                self._decided.set()
                await asyncio.sleep(delay_s)
            else:
                return

    async def _check(self, cli: Path) -> None:
        installed = await self._result_for(cli)
        on_bundled = stored_result(self._store, self._other)
        self._apply(installed, on_bundled)
        if not installed.is_warm and on_bundled is None and self._other is not None:
            self._apply(installed, await self._result_for(self._other))

    async def _result_for(self, cli: Path) -> CheckResult:
        """The stored or a new result for the program at `cli`. Raises `CheckInconclusive`."""
        try:
            version = await self._version_of(cli)
            fingerprint = fingerprint_of(cli, version)
        except (EngineError, OSError) as error:
            raise CheckInconclusive(str(error)) from error
        stored = await asyncio.to_thread(self._store.result, fingerprint)
        if stored is not None:
            return stored
        if self._result is not None and self._result.fingerprint.path == fingerprint.path:
            # The same file, a launcher, now runs another version: the result in use no longer applies.
            self._decided = asyncio.Event()
            self._apply(None, None)
        async with self._open_slot():
            logger.info("checking Claude Code %s at %s", version, cli)
            probes = await self._run_probes(cli)
        try:
            is_same = fingerprint_of(cli, version) == fingerprint
        except OSError:
            is_same = False
        if not is_same:
            raise CheckInconclusive("the program was replaced during the check")
        result = CheckResult(fingerprint, probes)
        await asyncio.to_thread(self._store.save, result)
        return result

    def _apply(self, installed: CheckResult | None, on_bundled: CheckResult | None) -> None:
        """Sets the serving mode that follows from these results."""
        self._result = installed
        mode = serving_mode_for(installed, bundled=self._other, on_bundled=on_bundled)
        if installed is not None or self._is_bundled:
            self._decided.set()
        if mode.is_checked and installed is not None and mode != self.mode:
            name = f"Claude Code {installed.fingerprint.version} at {installed.fingerprint.path}"
            if mode.summary:
                logger.warning("self-check of %s: %s", name, mode.summary)
            else:
                logger.info("self-check of %s: passed", name)
        self._set_mode(mode)

    def _set_mode(self, mode: ServingMode) -> None:
        if mode != self.mode:
            self.mode = mode
            self._on_change()
