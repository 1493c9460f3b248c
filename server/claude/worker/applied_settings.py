"""The settings that apply on one process: sent only when they change, since each sending takes 10 ms."""

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
from server.offload import offload

logger = logging.getLogger(__name__)

APPLY = "apply_flag_settings"


class AppliedSettings:
    """What the process acknowledged last, and a change that it has not acknowledged yet."""

    def __init__(self, process: CliProcess, bounds: Callable[[], Bounds]) -> None:
        self._process = process
        self._bounds = bounds
        self._ids: dict[str, str] = {}
        # None: unknown, so that everything is sent.
        self._in_force: Frame | None = None
        self._unconfirmed: tuple[Frame, asyncio.Future[Frame]] | None = None
        # The agent with the system prompt, in a live process.
        self.agent: str | None = None

    def set_cards(self, cards: tuple[ModelCard, ...]) -> None:
        """Sets the model list, by which names are resolved to ids."""
        self._ids = {card.id: card.resolved for card in cards}

    def model_for(self, settings: ModelSettings) -> str:
        """The id of the settings' model, or its name if the id is unknown."""
        name = settings.model or DEFAULT
        return self._ids.get(name, name)

    @property
    def model_in_force(self) -> str | None:
        """The model that the process acknowledged last; None: its default, or unknown, so that it is sent again."""
        model = (self._in_force or {}).get("model")
        return model if isinstance(model, str) else None

    async def _body(self, settings: ModelSettings, tools: tuple[Tool, ...]) -> Frame:
        is_live = self._process.plugin is not None
        body = await offload(settings_body, settings, tools, model=self.model_for(settings), is_live=is_live)
        return {**body, "agent": self.agent} if is_live else body

    async def preset(self, settings: ModelSettings) -> None:
        """Applies the probable settings of the first request; a refusal is ignored. Raises `WorkerDied`."""
        try:
            await self._process.write(*await self.frames_for(settings))
            await self.confirmed()
        except UnexpectedOutput as error:
            logger.info(
                "worker %s refused the settings that were sent in advance: %s", self._process.pid, error.message
            )

    async def frames_for(self, settings: ModelSettings, tools: tuple[Tool, ...] = ()) -> list[Frame]:
        """What must be written before a request with these settings; empty if they apply already."""
        body = await self._body(settings, tools)
        changed = _changed(self._in_force, body)
        if not changed:
            return []
        frame, answer = self._process.control_frame(APPLY, settings=changed)
        # Unknown until acknowledged: if the request is cancelled meanwhile, the next one sends its settings again.
        self._in_force, self._unconfirmed = None, (body, answer)
        return [frame]

    async def may_change_within_turn(self, settings: ModelSettings, tools: tuple[Tool, ...]) -> bool:
        """Whether these settings would apply while calls are open: only the extra body may differ."""
        if self._in_force is None:
            return False
        changed = _changed(self._in_force, await self._body(settings, tools))
        return changed.keys() <= {"env"} and _env(changed).keys() <= {EXTRA_BODY}

    async def confirmed(self) -> None:
        """Waits until the process has acknowledged the change. Raises `UnexpectedOutput` or `WorkerDied`."""
        if self._unconfirmed is None:
            return
        (body, answer), self._unconfirmed = self._unconfirmed, None
        await self._process.answer_to(answer, APPLY, timeout_s=self._bounds().control_s)
        self._in_force = body


def _changed(before: Frame | None, after: Frame) -> Frame:
    """The fields of `after` to send: those that differ from `before`, or all if that is None."""
    if before is None:
        return after
    changed = {name: value for name, value in after.items() if name != "env" and before[name] != value}
    known, env = _env(before), _env(after)
    variables = {name: value for name, value in env.items() if known[name] != value}
    return {**changed, **({"env": variables} if variables else {})}


def _env(body: Frame) -> dict[str, object]:
    env = body.get("env")
    return env if isinstance(env, dict) else {}
