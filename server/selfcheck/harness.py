"""Where a Claude Code is checked: before the stand-in, with an empty home, in one process at a time."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from server.claude.worker.launch import launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.worker import Worker
from server.conversation.events import Finished, PartStarted, StopReason
from server.conversation.models import ModelLimits
from server.conversation.parts import Message, Text, ToolCall
from server.conversation.request import Launch, ModelSettings, Profile
from server.machine.guards import Guard
from server.machine.temp_folders import Scratch, remove
from server.selfcheck.request_view import Body
from server.standin.environment import surroundings
from server.standin.script import Script, say
from server.standin.server import Standin, open_standin

ANSWER = "Hello"
PROFILE = Profile(system="This is a self-check.\nNobody's words are in it.", owner="the self-check")
KEY = "drawbridge-self-check-no-account"
SIGN_IN = "drawbridge-self-check-nobodys-sign-in"
BOUNDS = Bounds(boot_s=30.0, initialize_s=15.0, replay_s=15.0, silence_s=15.0)
# Who is left without its parent ends within this time, if it is going to.
DESERTED_S = 5.0
SAID = say(ANSWER)
# When the made-up sign-in ends, in ms since 1970: the year 2100. One that has ended it would try to renew elsewhere.
_NEVER_MS = 4_102_444_800_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one question: the requests that arrived, its calls, how it ended, and if its process rests.

    `headers` are those of the last request, by lower-case names.
    """

    bodies: tuple[Body, ...]
    headers: Mapping[str, str]
    reason: StopReason | None
    calls: tuple[str, ...] = ()
    rests: bool = False

    @property
    def body(self) -> Body:
        """The request, empty if none arrived."""
        return self.bodies[0] if self.bodies else {}


class Stage:
    """Asks like a pool does, and sees what arrives.

    `births` counts the processes, `window` is the model's in tokens, None until it is told. `home` is the home folder.
    """

    def __init__(self, launch: Launch, scratch: Scratch, guard: Guard, standin: Standin, home: Path) -> None:
        self.home = home
        self.births = 0
        self.window: int | None = None
        self.standin = standin
        self._launch = launch
        self._scratch = scratch
        self._guard = guard
        self._worker: Worker | None = None
        self._reply: Script = SAID
        standin.script(lambda _: self._reply)

    async def ask(
        self,
        *texts: str,
        settings: ModelSettings,
        held: int = 0,
        reply: Script = SAID,
    ) -> Heard:
        """Asks the last of alternating texts, which the stand-in answers with `reply`. Raises as a worker does."""
        return await self.converse(PROFILE, conversation(*texts), settings=settings, held=held, reply=reply)

    async def converse(
        self,
        profile: Profile,
        messages: tuple[Message, ...],
        *,
        settings: ModelSettings,
        held: int = 0,
        reply: Script = SAID,
    ) -> Heard:
        """The same with any messages. Another profile wants another process: `end` the one before."""
        worker = await self._fit_worker()
        before, ended = len(self.standin.requests), None
        calls: list[str] = []
        self._reply = reply
        async with aclosing(worker.ask(profile, settings, messages, held=held)) as events:
            async for event in events:
                if isinstance(event, PartStarted) and isinstance(event.part, ToolCall):
                    calls.append(event.part.name)
                if isinstance(event, Finished):
                    ended = event.reason
        arrived = self.standin.requests[before:]
        headers = arrived[-1].headers if arrived else {}
        return Heard(tuple(one.body for one in arrived), headers, ended, tuple(calls), worker.is_at_rest)

    async def sign_in(self) -> None:
        """From now on a plan's sign-in with the made-up token `SIGN_IN` is all there is: in the home folder, no key."""
        await self.end()
        plan = {"accessToken": SIGN_IN, "refreshToken": SIGN_IN, "expiresAt": _NEVER_MS, "scopes": ["user:inference"]}
        folder = self.home / ".claude"
        folder.mkdir(exist_ok=True)
        (folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": plan}))
        environment = tuple(pair for pair in self._launch.environment if pair[0] != "ANTHROPIC_API_KEY")
        self._launch = replace(self._launch, environment=environment)

    async def end(self) -> None:
        """Kills the process, and waits until nothing of what it sent can be on its way any more."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()
        async with asyncio.timeout(DESERTED_S):
            await self.standin.deserted()

    async def _fit_worker(self) -> Worker:
        """The process as it is, if it may go on; else a new one."""
        if self._worker is not None and not self._worker.is_at_rest:
            await self._worker.close()
            self._worker = None
        if self._worker is None:
            self.births += 1
            self._worker = Worker(
                lambda: self._launch,
                scratch=self._scratch,
                guard=self._guard,
                bounds=lambda: BOUNDS,
                on_limits=self._learned,
            )
            await self._worker.boot()
        return self._worker

    def _learned(self, limits: ModelLimits) -> None:
        self.window = limits.context_length

    async def close(self) -> None:
        """Leaves no process behind."""
        if self._worker is not None:
            await self._worker.close()


def conversation(*texts: str) -> tuple[Message, ...]:
    """Alternating turns, the first the user's."""
    return tuple(Message("assistant" if number % 2 else "user", (Text(text),)) for number, text in enumerate(texts))


@asynccontextmanager
async def open_stage(
    cli: Path, inherited: Mapping[str, str], *, scratch: Scratch, guard: Guard
) -> AsyncIterator[Stage]:
    """A stage for the Claude Code at `cli`; of `inherited` it sees only what every program needs."""
    home = await asyncio.to_thread(scratch.folder)
    try:
        async with open_standin() as standin:
            launch = launch_for(cli, surroundings(inherited, home=str(home), url=standin.url, key=KEY))
            stage = Stage(launch, scratch, guard, standin, home)
            try:
                yield stage
            finally:
                await stage.close()
    finally:
        await asyncio.to_thread(remove, home)
