"""Runs one Claude Code against the stand-in, with an empty home folder and one process at a time, for the probes."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from server.claude.worker.launch import launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.warm_ups import WarmUps
from server.claude.worker.worker import Worker
from server.conversation.events import Finished, PartStarted, StopReason
from server.conversation.models import ModelLimits
from server.conversation.parts import Message, Text, ToolCall
from server.conversation.request import Launch, ModelSettings, Profile
from server.machine.files.temp_folders import Scratch, remove
from server.machine.processes.guards import Guard
from server.selfcheck.request_view import Body
from server.standin.environment import standin_environment
from server.standin.script import Script, say
from server.standin.server import Recorded, Standin, open_standin

ANSWER = "Hello"
PROFILE = Profile(system="This is a self-check.\nIt holds no text of a user.", owner="the self-check")
API_KEY = "drawbridge-self-check-no-account"
SIGN_IN_TOKEN = "drawbridge-self-check-no-sign-in"  # noqa: S105 # made up
BOUNDS = Bounds(boot_s=30.0, initialize_s=15.0, replay_s=15.0, silence_s=15.0)
# After a worker is killed, child processes left behind close their connections within this time.
DISCONNECT_TIMEOUT_S = 5.0
DEFAULT_REPLY = say(ANSWER)
# The made-up sign-in expires in the year 2100 (ms since 1970): the CLI would try to renew an expired one elsewhere.
_EXPIRES_AT_MS = 4_102_444_800_000


@dataclass(frozen=True, slots=True)
class Observation:
    """What arrived upstream for one request, and its answer. `headers`: of the last one, with lower-case names."""

    bodies: tuple[Body, ...]
    headers: Mapping[str, str]
    reason: StopReason | None
    calls: tuple[str, ...] = ()
    is_reusable: bool = False

    @property
    def body(self) -> Body:
        """The first upstream request, empty if none arrived."""
        return self.bodies[0] if self.bodies else {}


class Harness:
    """Sends requests through a worker as the pool would, and records what arrives. `window` is in tokens."""

    def __init__(self, launch: Launch, scratch: Scratch, guard: Guard, standin: Standin, home: Path) -> None:
        self.home = home
        self.boots = 0
        self.window: int | None = None
        self.standin = standin
        self._launch = launch
        self._scratch = scratch
        self._guard = guard
        self._worker: Worker | None = None
        self._is_unused = False
        self._reply: Script = DEFAULT_REPLY
        # The requests that arrived at the stand-in of the warm-ups.
        self.questions: list[Recorded] = []
        self._warm_ups = WarmUps(self.questions.append)
        standin.script(lambda _: self._reply)

    async def send_texts(
        self,
        *texts: str,
        settings: ModelSettings,
        held: int = 0,
        reply: Script = DEFAULT_REPLY,
    ) -> Observation:
        """Sends alternating texts, the first from the user; the stand-in answers with `reply`. Raises as a worker."""
        return await self.send(PROFILE, conversation(*texts), settings=settings, held=held, reply=reply)

    async def send(
        self,
        profile: Profile,
        messages: tuple[Message, ...],
        *,
        settings: ModelSettings,
        held: int = 0,
        reply: Script = DEFAULT_REPLY,
    ) -> Observation:
        """Sends any messages. Unless processes are live, call `stop_worker` before another profile."""
        worker = await self._reusable_worker()
        self._is_unused = False
        before, reason = len(self.standin.requests), None
        calls: list[str] = []
        self._reply = reply
        async with aclosing(worker.ask(profile, settings, messages, held=held)) as events:
            async for event in events:
                if isinstance(event, PartStarted) and isinstance(event.part, ToolCall):
                    calls.append(event.part.name)
                if isinstance(event, Finished):
                    reason = event.reason
        arrived = self.standin.requests[before:]
        headers = arrived[-1].headers if arrived else {}
        return Observation(tuple(one.body for one in arrived), headers, reason, tuple(calls), worker.is_at_rest)

    async def use_plan_sign_in(self) -> None:
        """Replaces the API key by a plan's sign-in in the home folder, with the token `SIGN_IN_TOKEN`."""
        await self.stop_worker()
        plan = {
            "accessToken": SIGN_IN_TOKEN,
            "refreshToken": SIGN_IN_TOKEN,
            "expiresAt": _EXPIRES_AT_MS,
            "scopes": ["user:inference"],
        }
        folder = self.home / ".claude"
        folder.mkdir(exist_ok=True)
        (folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": plan}))
        environment = tuple(pair for pair in self._launch.environment if pair[0] != "ANTHROPIC_API_KEY")
        self._launch = replace(self._launch, environment=environment)

    async def use_live_processes(self) -> None:
        """Lets the next process change its system prompt and tools."""
        await self.stop_worker()
        self._launch = launch_for(Path(self._launch.cli), dict(self._launch.environment), is_live=True)

    async def refuses_unknown_agents(self) -> bool:
        """See `Worker.refuses_unknown_agents`."""
        return await (await self._reusable_worker()).refuses_unknown_agents()

    async def warm_up(self) -> bool:
        """Warms a new process up. Returns whether it can still be used."""
        await self.stop_worker()
        worker = await self._reusable_worker()
        self._is_unused = await worker.warm_up()
        return self._is_unused

    async def stop_worker(self) -> None:
        """Kills the process and waits until its last upstream request has been recorded."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()
        async with asyncio.timeout(DISCONNECT_TIMEOUT_S):
            await self.standin.disconnected()

    async def _reusable_worker(self) -> Worker:
        """The current worker if it may be used, else a new one."""
        if self._worker is not None and not self._worker.is_at_rest and not self._is_unused:
            await self._worker.close()
            self._worker = None
        if self._worker is None:
            self.boots += 1
            self._worker = Worker(
                lambda: self._launch,
                scratch=self._scratch,
                guard=self._guard,
                bounds=lambda: BOUNDS,
                on_limits=self._set_window,
                warm_ups=self._warm_ups,
            )
            await self._worker.boot()
        return self._worker

    def _set_window(self, limits: ModelLimits) -> None:
        self.window = limits.context_length

    async def close(self) -> None:
        """Kills the process."""
        if self._worker is not None:
            await self._worker.close()
        await self._warm_ups.close()


def conversation(*texts: str) -> tuple[Message, ...]:
    """Alternating messages, the first from the user."""
    return tuple(Message("assistant" if number % 2 else "user", (Text(text),)) for number, text in enumerate(texts))


@asynccontextmanager
async def open_harness(
    cli: Path, inherited: Mapping[str, str], *, scratch: Scratch, guard: Guard
) -> AsyncIterator[Harness]:
    """A harness for the Claude Code at `cli`; of the `inherited` environment it gets only what every program needs."""
    home = await asyncio.to_thread(scratch.folder)
    try:
        async with open_standin() as standin:
            environment = standin_environment(inherited, home=str(home), url=standin.url, key=API_KEY)
            harness = Harness(launch_for(cli, environment), scratch, guard, standin, home)
            try:
                yield harness
            finally:
                await harness.close()
    finally:
        await asyncio.to_thread(remove, home)
