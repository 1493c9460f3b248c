"""Starts a process in advance for a project that was used just now: its next conversation need not wait for one.

The process has the rules of that project, and nothing of a conversation: it was never initialized.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any  # what a coroutine yields and is sent

from server.agents.conversations.held import HELD_S
from server.agents.running.process import kill_all
from server.claude.worker.process import CliProcess
from server.conversation.request import Launch
from server.errors import EngineError
from server.machine.files.temp_folders import Scratch
from server.machine.processes.guards import Guard

logger = logging.getLogger(__name__)


class Spares:
    """At most one process that waits, for ten minutes, for a conversation with the same launch."""

    def __init__(self, scratch: Scratch, guard: Guard) -> None:
        self._scratch = scratch
        self._guard = guard
        self._launch: Launch | None = None
        self._spare: CliProcess | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def pid(self) -> int | None:
        """The id of the process that waits; None without one."""
        return self._spare.pid if self._spare is not None else None

    def take(self, launch: Launch) -> CliProcess:
        """The spare if it fits and lives; else a process that is not spawned yet."""
        spare = self._spare
        if spare is not None and launch == self._launch and spare.is_alive:
            self._forget()
            return spare
        return CliProcess(lambda: launch, self._scratch, self._guard)

    def prepare(self, launch: Launch) -> None:
        """Starts a spare for `launch` soon, unless there is one. Another one ends."""
        if launch != self._launch or self._spare is None or not self._spare.is_alive:
            self.release()
            spare = CliProcess(lambda: launch, self._scratch, self._guard)
            self._launch, self._spare = launch, spare
            self._do(self._spawned(spare))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(HELD_S, self.release)

    def release(self) -> None:
        """Begins to end the spare."""
        spare = self._spare
        self._forget()
        if spare is not None:
            self._do(kill_all(spare))

    async def close(self) -> None:
        """Ends the spare. Never raises."""
        self.release()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _spawned(self, spare: CliProcess) -> None:
        try:
            await spare.spawn()
        except EngineError as error:
            logger.info("no process was started in advance for an agent: %s", error.message)
        if spare is not self._spare and self._is_unused(spare):
            await kill_all(spare)

    def _is_unused(self, spare: CliProcess) -> bool:
        # A conversation that takes a spare sets its reader at once.
        return spare.on_frame is None

    def _forget(self) -> None:
        self._spare, self._launch = None, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do(self, what: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
