"""Has the Claude Code at hand checked once, in the background, and says on what footing requests are answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path

from server.backoff import Backoff
from server.errors import EngineError
from server.selfcheck.capabilities import Finding, Key, Undecided, Verdict, key_for
from server.selfcheck.fallback import Footing, footing_for, kept_on, other_than
from server.selfcheck.store import Shelf

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 30.0
LONGEST_RETRY_S = 600.0
KNOWN_S = 30.0

Examine = Callable[[Path], Awaitable[tuple[Finding, ...]]]
VersionOf = Callable[[Path], Awaitable[str]]
Place = Callable[[], AbstractAsyncContextManager[None]]


class SelfCheck:
    """`look` says which Claude Code is at hand, `footing` how to answer now; `on_change` hears of every new footing.

    `examine` runs the check on one program and raises `Undecided` where it cannot; `place` is where its process may
    live; `version_of` raises an `EngineError`. `carried` is the Claude Code that we carry, None where there is none.
    """

    def __init__(
        self,
        *,
        shelf: Shelf,
        carried: Path | None,
        examine: Examine,
        version_of: VersionOf,
        place: Place,
        on_change: Callable[[], None],
        backoff: Backoff | None = None,
    ) -> None:
        self._shelf = shelf
        self._carried = carried
        self._examine = examine
        self._version_of = version_of
        self._place = place
        self._on_change = on_change
        self._backoff = backoff or Backoff(first_s=FIRST_RETRY_S, longest_s=LONGEST_RETRY_S)
        self._key: Key | None = None
        self._verdict: Verdict | None = None
        # The one that we carry, if it is not the one at hand.
        self._other: Path | None = None
        self._is_carried = False
        self._is_open = False
        self._task: asyncio.Task[None] | None = None
        self._known = asyncio.Event()
        self.footing = Footing()

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of what the Claude Code at hand lacks, as far as that is known."""
        return tuple(found.capability.name.lower() for found in self._verdict.failed) if self._verdict else ()

    async def known(self) -> None:
        """Waits, bounded, for the verdict on a Claude Code that nobody has seen before.

        The one that we carry was seen by our tests, and one that cannot be checked is waited for only once.
        """
        if self._key is None or self._known.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(KNOWN_S):
                await self._known.wait()

    def look(self, cli: Path) -> None:
        """Takes note of which one is at hand now. If a verdict on it is kept it stands at once, else it is checked."""
        try:
            key = key_for(cli)
        except OSError:
            # Whoever starts it will say that it is not there.
            return
        if self._key is not None and self._key.is_same(key):
            return
        self._key = key
        self._other = other_than(cli, self._carried)
        self._is_carried = self._carried is not None and self._other is None
        self._known = asyncio.Event()
        self._stand(self._shelf.verdict(key), kept_on(self._shelf, self._other))
        self._begin()

    def open(self) -> None:
        """From now on there is a place for the check's process."""
        self._is_open = True
        self._begin()

    async def close(self) -> None:
        """Ends the check where it is; nothing of it is left."""
        self._is_open = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self) -> None:
        if self._key is not None and self._is_open:
            before, self._task = self._task, asyncio.create_task(self._run(Path(self._key.path), self._task))
            if before is not None:
                before.cancel()

    async def _run(self, cli: Path, before: asyncio.Task[None] | None) -> None:
        """Checks until there is a verdict. The check of another program ends first."""
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        self._backoff.succeeded()
        while True:
            try:
                await self._decide(cli)
            except Undecided as error:
                delay_s = self._backoff.failed()
                logger.warning("the self-check could not be done: %s; tried again in %.0f s", error, delay_s)
                self._put(replace(self.footing, words=f"The self-check could not be done: {error}."))
                self._known.set()
                await asyncio.sleep(delay_s)
            else:
                return

    async def _decide(self, cli: Path) -> None:
        at_hand = await self._verdict_on(cli)
        on_other = kept_on(self._shelf, self._other)
        self._stand(at_hand, on_other)
        if not at_hand.is_warm and on_other is None and self._other is not None:
            self._stand(at_hand, await self._verdict_on(self._other))

    async def _verdict_on(self, cli: Path) -> Verdict:
        """The verdict on the program at `cli`, kept or new. Raises `Undecided`."""
        try:
            version = await self._version_of(cli)
            key = key_for(cli, version)
        except (EngineError, OSError) as error:
            raise Undecided(str(error)) from error
        kept = await asyncio.to_thread(self._shelf.verdict, key)
        if kept is not None:
            return kept
        if self._verdict is not None and self._verdict.key.path == key.path:
            # The same file, by which another version runs now.
            self._known = asyncio.Event()
            self._stand(None, None)
        async with self._place():
            logger.info("checking Claude Code %s at %s", version, cli)
            findings = await self._examine(cli)
        try:
            is_same = key_for(cli, version) == key
        except OSError:
            is_same = False
        if not is_same:
            raise Undecided("it was replaced meanwhile")
        verdict = Verdict(key, findings)
        await asyncio.to_thread(self._shelf.keep, verdict)
        return verdict

    def _stand(self, at_hand: Verdict | None, on_other: Verdict | None) -> None:
        """The footing that these verdicts give."""
        self._verdict = at_hand
        footing = footing_for(at_hand, other=self._other, on_other=on_other)
        if at_hand is not None or self._is_carried:
            self._known.set()
        if footing.is_checked and at_hand is not None and footing != self.footing:
            name = f"Claude Code {at_hand.key.version} at {at_hand.key.path}"
            if footing.words:
                logger.warning("self-check of %s: %s", name, footing.words)
            else:
                logger.info("self-check of %s: it does all that is needed", name)
        self._put(footing)

    def _put(self, footing: Footing) -> None:
        if footing != self.footing:
            self.footing = footing
            self._on_change()
