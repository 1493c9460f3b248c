"""The settings in force on one process: sent when they change, and not with every question."""

import asyncio
import logging
from collections.abc import Callable

from server.claude.cli.models import DEFAULT
from server.claude.protocol.frames import Frame
from server.claude.protocol.request import EXTRA_BODY, settings_body
from server.claude.worker.process import Bounds, CliProcess
from server.conversation.models import ModelCard
from server.conversation.request import ModelSettings, Tool
from server.errors import UnexpectedOutput

logger = logging.getLogger(__name__)

_APPLY = "apply_flag_settings"


class AppliedSettings:
    """What a process was told last. Claude Code takes ten milliseconds for settings, be they new or not."""

    def __init__(self, process: CliProcess, bounds: Callable[[], Bounds]) -> None:
        self._process = process
        self._bounds = bounds
        self._ids: dict[str, str] = {}
        # None: unknown, so that whatever comes is sent.
        self._in_force: Frame | None = None
        self._asked: tuple[Frame, asyncio.Future[Frame]] | None = None

    def know(self, cards: tuple[ModelCard, ...]) -> None:
        """Which ids the models' names stand for."""
        self._ids = {card.id: card.resolved for card in cards}

    def model_for(self, settings: ModelSettings) -> str:
        """The id of the model that these settings ask for, as far as it is known."""
        name = settings.model or DEFAULT
        return self._ids.get(name, name)

    def _body(self, settings: ModelSettings, tools: tuple[Tool, ...]) -> Frame:
        return settings_body(settings, tools, model=self.model_for(settings))

    async def preset(self, settings: ModelSettings) -> None:
        """Applies what the first question will probably want. A process that refuses gets it with the question.

        Raises `WorkerDied`.
        """
        try:
            await self._process.write(*self.frames_for(settings))
            await self.confirmed()
        except UnexpectedOutput as error:
            logger.info("worker %s: no settings ahead of its first question: %s", self._process.pid, error.message)

    def frames_for(self, settings: ModelSettings, tools: tuple[Tool, ...] = ()) -> list[Frame]:
        """What must be written before a question under these settings; nothing where they are in force."""
        body = self._body(settings, tools)
        changed = _changed(self._in_force, body)
        if not changed:
            return []
        frame, answer = self._process.control_frame(_APPLY, settings=changed)
        # Until it is confirmed nobody knows: who leaves in between has the next one send it again.
        self._in_force, self._asked = None, (body, answer)
        return [frame]

    def may_turn(self, settings: ModelSettings, tools: tuple[Tool, ...]) -> bool:
        """Whether these settings would hold for the rest of a turn: of those that changed, only the extra body does."""
        if self._in_force is None:
            return False
        changed = _changed(self._in_force, self._body(settings, tools))
        return changed.keys() <= {"env"} and _env(changed).keys() <= {EXTRA_BODY}

    async def confirmed(self) -> None:
        """Returns when what was written is in force. Raises `UnexpectedOutput` when it is refused, and `WorkerDied`."""
        if self._asked is None:
            return
        (body, answer), self._asked = self._asked, None
        await self._process.answer_to(answer, _APPLY, timeout_s=self._bounds().control_s)
        self._in_force = body


def _changed(before: Frame | None, after: Frame) -> Frame:
    """What of `after` is not in force; Claude Code keeps what is not named. All of it where nobody knows."""
    if before is None:
        return after
    changed = {name: value for name, value in after.items() if name != "env" and before[name] != value}
    known, env = _env(before), _env(after)
    variables = {name: value for name, value in env.items() if known[name] != value}
    return {**changed, **({"env": variables} if variables else {})}


def _env(body: Frame) -> dict[str, object]:
    env = body.get("env")
    return env if isinstance(env, dict) else {}
