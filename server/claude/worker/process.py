"""One Claude Code process: JSON lines in and out, its own control requests, and an end at once when it is not wanted.

Knows nothing of the SDK, so that the first process boots while the SDK is still being imported.
"""

import asyncio
import collections
import itertools
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.claude.protocol.frames import Frame
from server.claude.worker.launch import command_line
from server.conversation.request import Launch
from server.errors import CliFailed, CliMissing, UnexpectedOutput, WorkerDied
from server.machine.guards import Guard
from server.machine.temp_folders import Scratch, remove

logger = logging.getLogger(__name__)

LINE_LIMIT = 64 * 2**20
KILL_TIMEOUT_S = 5.0
_SESSION = "default"

Watch = Callable[[Frame], bool]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a worker may take, in seconds. `silence_s`: without a sign of the answer, at its start or within it."""

    boot_s: float = 60.0
    initialize_s: float = 30.0
    control_s: float = 10.0
    interrupt_s: float = 2.0
    replay_s: float = 120.0
    silence_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Places:
    """The private folders of one process: its config, its temporary files, and the folder it runs in."""

    root: Path
    config: Path
    temporary: Path
    work: Path


def new_places(scratch: Scratch) -> Places:
    """Three empty folders. The path of `work` is told to the model, so its name says nothing."""
    root = scratch.folder()
    places = Places(root, root / "config", root / "tmp", root / "work")
    for folder in (places.config, places.temporary, places.work):
        folder.mkdir()
    return places


class CliProcess:
    """A process from spawn to its end. `frames()` gives what it says; `watch` may have it killed at a frame.

    A frame for which `watch` returns True is still delivered, and nothing after it. A frame that `on_piece` takes, by
    returning True, is not among `frames()`; nor is a control request of its own that `on_request` takes.
    """

    def __init__(self, launch: Callable[[], Launch], scratch: Scratch, guard: Guard) -> None:
        self._launch = launch
        self.exited = asyncio.Event()
        self.watch: Watch | None = None
        self.on_piece: Watch | None = None
        self.on_request: Watch | None = None
        self.cut_short = False
        self._scratch = scratch
        self._guard = guard
        self._places: Places | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[Frame]] = {}
        self._ids = itertools.count(1)
        self._complaints: collections.deque[str] = collections.deque(maxlen=20)

    @property
    def pid(self) -> int | None:
        """The process id once spawned."""
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        """Whether it was spawned and has not ended."""
        return self._process is not None and self._process.returncode is None and not self.exited.is_set()

    @property
    def complaint(self) -> str:
        """The last line it wrote to stderr: for the log, when it does not start."""
        return self._complaints[-1] if self._complaints else ""

    async def spawn(self) -> None:
        """Starts the process; it boots by itself. Raises `CliMissing` or `CliFailed`."""
        launch, places = await self._prepared()
        try:
            # Spawned by the loop's own thread: on Linux the guard's signal fires when the spawning thread ends.
            self._process = await asyncio.create_subprocess_exec(
                *self._guard.wrap(command_line(launch)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT,
                cwd=places.work,
                env=_environment(launch, places),
                **self._guard.spawn_options(),
            )
        except OSError as error:
            await asyncio.to_thread(remove, places.root)
            raise CliFailed(f"Claude Code cannot be started: {error.strerror or error}.") from error
        self._guard.adopt(self._process.pid)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._listen())]

    async def _prepared(self) -> tuple[Launch, Places]:
        """Prepares in a thread. One that is given up is waited for all the same, for `kill` to remove its folders."""
        preparing = asyncio.get_running_loop().run_in_executor(None, self._prepare)
        try:
            # Unlike the future itself, this wait can be cancelled without the thread's result being lost.
            await asyncio.wait({preparing})
        finally:
            await asyncio.wait({preparing})
            if preparing.exception() is None:
                self._places = preparing.result()[1]
        return preparing.result()

    def _prepare(self) -> tuple[Launch, Places]:
        """What to run and where. `CliMissing` is found here: a guard in front of the CLI would hide it."""
        launch = self._launch()
        if not Path(launch.cli).is_file():
            raise CliMissing(f"There is no Claude Code at {launch.cli!r} any more.")
        return launch, new_places(self._scratch)

    async def write(self, *frames: Mapping[str, object]) -> None:
        """Writes frames, a line each, in one piece. Raises `WorkerDied` when nobody reads them."""
        await self.write_text("".join(json.dumps(frame) + "\n" for frame in frames))

    async def write_text(self, lines: str) -> None:
        """Writes whole lines. Raises `WorkerDied` when nobody reads them."""
        if not self.is_alive or self._process is None or self._process.stdin is None:
            raise WorkerDied
        try:
            self._process.stdin.write(lines.encode())
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise WorkerDied from error

    def post(self, frame: Mapping[str, object]) -> None:
        """Writes a small frame without waiting for its reader; to a process that has ended nothing is written."""
        if self.is_alive and self._process is not None and self._process.stdin is not None:
            with suppress(ConnectionError, RuntimeError):
                self._process.stdin.write((json.dumps(frame) + "\n").encode())

    async def control(self, subtype: str, *, timeout_s: float = 10.0, **fields: object) -> Frame:
        """Asks something of the process itself and gives its answer.

        Raises `UnexpectedOutput` when it refuses or does not answer in time, `WorkerDied` when it ends first.
        """
        frame, answer = self.control_frame(subtype, **fields)
        await self.write(frame)
        return await self.answer_to(answer, subtype, timeout_s=timeout_s)

    def control_frame(self, subtype: str, **fields: object) -> tuple[Frame, asyncio.Future[Frame]]:
        """A control request to be written together with other frames, and its answer to come (see `answer_to`)."""
        request_id = f"drawbridge-{next(self._ids)}"
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = future
        request = {"subtype": subtype, **fields}
        return {"type": "control_request", "request_id": request_id, "request": request}, future

    async def answer_to(self, answer: asyncio.Future[Frame], subtype: str, *, timeout_s: float = 10.0) -> Frame:
        """Waits for the answer of `control_frame`, with the errors of `control`."""
        try:
            async with asyncio.timeout(timeout_s):
                response = await answer
        except TimeoutError as error:
            raise UnexpectedOutput(f"Claude Code did not answer {subtype!r} within {timeout_s:g} s.") from error
        if response.get("subtype") != "success":
            raise UnexpectedOutput(f"Claude Code refused {subtype!r}: {response.get('error')}.")
        payload = response.get("response")
        return payload if isinstance(payload, dict) else {}

    async def frames(self) -> AsyncIterator[Frame]:
        """What it says, but for answers to our own control requests; ends with the process."""
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def kill(self) -> None:
        """Ends it at once and removes its folders. Bounded, never raises, may be called again."""
        self._kill_now()
        if self._process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(KILL_TIMEOUT_S):
                    await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._ended()
        places, self._places = self._places, None
        if places is not None:
            await asyncio.to_thread(remove, places.root)

    async def _read(self) -> None:
        """Takes lines from stdout as long as there are any; nobody else reads them, and nobody has to hurry."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                frame = _frame(line)
                if frame is not None and not self._deliver(frame):
                    break
        except ValueError:
            # A line over the limit: what follows cannot be told from the rest of it.
            logger.warning("worker %s: a line over %d bytes", self.pid, LINE_LIMIT)
        self._kill_now()
        await self._process.wait()
        self._ended()

    def _deliver(self, frame: Frame) -> bool:
        """Hands one frame on; False when the process must not live to act on what it has just said."""
        response = frame.get("response")
        if frame.get("type") == "control_response" and isinstance(response, dict):
            answer = self._answers.pop(str(response.get("request_id")), None)
            if answer is not None:
                if not answer.done():
                    answer.set_result(response)
                return True
        if frame.get("type") == "control_request" and self.on_request is not None and self.on_request(frame):
            return True
        if self.watch is not None and self.watch(frame):
            # Before anything else: a few milliseconds later it sends a second request upstream.
            self._kill_now()
            self.cut_short = True
        if self.on_piece is None or not self.on_piece(frame):
            self._frames.put_nowait(frame)
        return not self.cut_short

    def _kill_now(self) -> None:
        """Sends the signal, if it lives."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                # Popen.kill would first poll, and so take the exit code away from asyncio, which then warns of it.
                os.kill(self._process.pid, signal.SIGKILL)

    async def _listen(self) -> None:
        """Drains stderr: a full pipe would stop the process."""
        assert self._process is not None
        assert self._process.stderr is not None
        with suppress(ValueError):
            async for line in self._process.stderr:
                text = line.decode(errors="replace").strip()
                if text:
                    self._complaints.append(text[:500])

    def _ended(self) -> None:
        if self.exited.is_set():
            return
        self.exited.set()
        self._frames.put_nowait(None)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(WorkerDied("The Claude Code process has ended."))
                # An answer that nobody waits for any more must not be reported as forgotten.
                answer.exception()
        self._answers.clear()


def _environment(launch: Launch, places: Places) -> dict[str, str]:
    """The launch's variables, with the process's own folders."""
    own = {"PWD": str(places.work)}
    if launch.is_private:
        own["CLAUDE_CONFIG_DIR"] = str(places.config)
    own |= dict.fromkeys(("TMPDIR", "TEMP", "TMP", "CLAUDE_CODE_TMPDIR"), str(places.temporary))
    return {**dict(launch.environment), **own}


def _frame(line: bytes) -> Frame | None:
    """One line as a frame; None for blank lines and for text that some builds write to stdout."""
    stripped = line.strip()
    if not stripped.startswith(b"{"):
        return None
    try:
        frame = json.loads(stripped)
    except ValueError:
        logger.warning("a line that is not JSON (%d bytes)", len(stripped))
        return None
    return frame if isinstance(frame, dict) else None
