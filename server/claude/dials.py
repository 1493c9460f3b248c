"""The settings in force on one process: sent when they change, and not with every question."""

import asyncio
import logging
from collections.abc import Callable

from server.claude.process import Bounds, CliProcess, Frame
from server.claude.request import settings_body
from server.dialogue import Settings
from server.errors import EngineSurprise

logger = logging.getLogger(__name__)

_APPLY = "apply_flag_settings"


class Dials:
    """What a process was told last. Claude Code takes ten milliseconds for settings, be they new or not."""

    def __init__(self, process: CliProcess, bounds: Callable[[], Bounds]) -> None:
        self._process = process
        self._bounds = bounds
        # None: unknown, so that whatever comes is sent.
        self._in_force: Frame | None = None
        self._asked: tuple[Frame, asyncio.Future[Frame]] | None = None

    async def preset(self, settings: Settings) -> None:
        """Applies what the first question will probably want. A process that refuses gets it with the question.

        Raises `WorkerDied`.
        """
        try:
            await self._process.write(*self.frames_for(settings))
            await self.confirmed()
        except EngineSurprise as error:
            logger.info("worker %s: no settings ahead of its first question: %s", self._process.pid, error.message)

    def frames_for(self, settings: Settings) -> list[Frame]:
        """What must be written before a question under these settings; nothing where they are in force."""
        body = settings_body(settings)
        if body == self._in_force:
            return []
        frame, answer = self._process.control_frame(_APPLY, settings=body)
        # Until it is confirmed nobody knows: who leaves in between has the next one send it again.
        self._in_force, self._asked = None, (body, answer)
        return [frame]

    async def confirmed(self) -> None:
        """Returns when what was written is in force. Raises `EngineSurprise` when it is refused, and `WorkerDied`."""
        if self._asked is None:
            return
        (body, answer), self._asked = self._asked, None
        await self._process.answer_to(answer, _APPLY, timeout_s=self._bounds().control_s)
        self._in_force = body
