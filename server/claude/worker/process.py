"""One Claude Code process: reads and writes JSON lines, sends control requests, and is killed at once if necessary."""

import asyncio
import collections
import itertools
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.claude.protocol.frames import Frame
from server.claude.worker.launch import command_line
from server.claude.worker.plugin import Plugin
from server.conversation.request import Launch
from server.errors import CliFailed, CliMissing, UnexpectedOutput, WorkerDied
from server.large_json import dumps
from server.machine.files.temp_folders import Scratch, remove
from server.machine.processes.guards import Guard
from server.offload import offload

logger = logging.getLogger(__name__)

LINE_LIMIT = 64 * 2**20
# Most answers begin within this time. A check before it would only delay them.
_UNCHECKED_S = 0.3
KILL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Timeouts in seconds. `silence_s`: the longest time without a frame of the answer, at its start or within it.

    `replay_s`: the longest time that one message of a replayed history may take.
    `alive_s`: how soon a process must react to a request of ours to count as alive.
    """

    boot_s: float = 60.0
    initialize_s: float = 30.0
    control_s: float = 10.0
    alive_s: float = 1.5
    interrupt_s: float = 2.0
    replay_s: float = 120.0
    silence_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Places:
    """The private folders of one process (the plugin only if it is live), and the working directory of all."""

    root: Path
    config: Path
    temporary: Path
    work: Path
    plugin: Plugin | None


def new_places(scratch: Scratch, launch: Launch) -> Places:
    """New folders, and the empty one. Claude Code sends the path of the working directory to the model."""
    work = Path(launch.folder) if launch.folder else scratch.empty_folder()
    root = scratch.folder()
    plugin = Plugin(root / "plugin") if launch.is_live else None
    places = Places(root, Path(launch.config or root / "config"), root / "tmp", work, plugin)
    for folder in (places.config, places.temporary):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return places


class CliProcess:
    """A process from spawn to end.

    `on_frame` reads each frame when it arrives; if it returns True, the process is killed before it can act on that
    frame. It gets None when the process has ended. Control frames go elsewhere: responses to our requests to their
    futures, requests that `on_request` takes to it, the rest to `sdk_frames()`.
    """

    def __init__(self, launch: Callable[[], Launch], scratch: Scratch, guard: Guard) -> None:
        self._launch = launch
        self.exited = asyncio.Event()
        self.on_frame: Callable[[Frame | None], bool] | None = None
        self.on_request: Callable[[Frame], bool] | None = None
        self._scratch = scratch
        self._guard = guard
        self._places: Places | None = None
        self.environment: Mapping[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sdk_frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[Frame]] = {}
        self._ids = itertools.count(1)
        self._lines_read = 0
        self._proof: asyncio.TimerHandle | None = None
        self._stderr: collections.deque[str] = collections.deque(maxlen=20)

    @property
    def pid(self) -> int | None:
        """The process id; None before the spawn."""
        return self._process.pid if self._process else None

    @property
    def root(self) -> Path | None:
        """The folder of its private folders, which its environment names; None before the spawn and after its end."""
        return self._places.root if self._places else None

    @property
    def plugin(self) -> Plugin | None:
        """The plugin of a live process; None if it is not live, and before the spawn."""
        return self._places.plugin if self._places else None

    @property
    def is_alive(self) -> bool:
        """Whether the process was spawned and has not ended."""
        return self._process is not None and self._process.returncode is None and not self.exited.is_set()

    @property
    def last_stderr(self) -> str:
        """The last line on stderr, for the log when the boot fails."""
        return self._stderr[-1] if self._stderr else ""

    async def spawn(self) -> None:
        """Starts the process. Raises `CliMissing` or `CliFailed`."""
        launch, places = await self._prepared()
        self.environment = _environment(launch, places)
        try:
            # In the loop's thread: on Linux the guard's signal fires when the spawning thread ends.
            self._process = await asyncio.create_subprocess_exec(
                *self._guard.wrap(_command(launch, places)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT,
                cwd=places.work,
                env=self.environment,
                **self._guard.spawn_options(),
            )
        except OSError as error:
            await asyncio.to_thread(remove, places.root)
            raise CliFailed(f"Claude Code cannot be started: {error.strerror or error}.") from error
        self._guard.adopt(self._process.pid)
        self._tasks = [asyncio.create_task(self._read_stdout()), asyncio.create_task(self._read_stderr())]

    async def _prepared(self) -> tuple[Launch, Places]:
        """Calls `_prepare` in a thread. Even a cancelled caller waits for it, so that `kill` can remove the folders."""
        preparing = asyncio.get_running_loop().run_in_executor(None, self._prepare)
        try:
            # Cancelling this wait does not cancel the future, whose result is needed below.
            await asyncio.wait({preparing})
        finally:
            await asyncio.wait({preparing})
            if preparing.exception() is None:
                self._places = preparing.result()[1]
        return preparing.result()

    def _prepare(self) -> tuple[Launch, Places]:
        """The launch and the folders. `CliMissing` is found here: a guard in front of the CLI would hide it."""
        launch = self._launch()
        if not Path(launch.cli).is_file():
            raise CliMissing(f"There is no Claude Code at {launch.cli!r} any more.")
        return launch, new_places(self._scratch, launch)

    async def write(self, *frames: Mapping[str, object]) -> None:
        """Writes frames as lines in one write. Raises `WorkerDied` if the process has ended."""
        await self._write(await offload(_lines, frames))

    async def write_text(self, lines: str) -> None:
        """Writes complete lines. Raises `WorkerDied` if the process has ended."""
        await self._write(lines.encode())

    async def _write(self, lines: bytes) -> None:
        if not self.is_alive or self._process is None or self._process.stdin is None:
            raise WorkerDied
        try:
            # In one write, so that a cancelled request leaves no half of a line.
            self._process.stdin.write(lines)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise WorkerDied from error

    def post(self, frame: Mapping[str, object]) -> None:
        """Writes a small frame without waiting for the pipe; does nothing if the process has ended."""
        if self.is_alive and self._process is not None and self._process.stdin is not None:
            with suppress(ConnectionError, RuntimeError):
                self._process.stdin.write((json.dumps(frame) + "\n").encode())

    async def control(self, subtype: str, *, timeout_s: float = 10.0, **fields: object) -> Frame:
        """Sends a control request and returns the response. Raises `UnexpectedOutput` without one, or `WorkerDied`."""
        frame, answer = self.control_frame(subtype, **fields)
        await self.write(frame)
        return await self.answer_to(answer, subtype, timeout_s=timeout_s)

    def control_frame(self, subtype: str, **fields: object) -> tuple[Frame, asyncio.Future[Frame]]:
        """A control request to be written with other frames, and the future of its response (see `answer_to`)."""
        request_id = f"drawbridge-{next(self._ids)}"
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = future
        request = {"subtype": subtype, **fields}
        return {"type": "control_request", "request_id": request_id, "request": request}, future

    async def answer_to(self, answer: asyncio.Future[Frame], subtype: str, *, timeout_s: float = 10.0) -> Frame:
        """Waits for the response to a `control_frame`. Raises the errors of `control`."""
        try:
            async with asyncio.timeout(timeout_s):
                response = await answer
        except TimeoutError as error:
            raise UnexpectedOutput(f"Claude Code did not answer {subtype!r} within {timeout_s:g} s.") from error
        if response.get("subtype") != "success":
            raise UnexpectedOutput(f"Claude Code refused {subtype!r}: {response.get('error')}.")
        payload = response.get("response")
        return payload if isinstance(payload, dict) else {}

    def prove_alive(self, within_s: float, *, again_s: float) -> None:
        """Soon sends the process a request, and kills it if it does not write a line within `within_s` seconds.

        A process may hang, or be stopped, while it is idle. A task that waits for it then gets `WorkerDied`. Later
        checks, until `stop_proving`, may take `again_s` seconds: it may be busy with a long conversation.
        """
        self.stop_proving()
        loop = asyncio.get_running_loop()
        self._proof = loop.call_later(_UNCHECKED_S, self._request_proof, within_s, again_s)

    def stop_proving(self) -> None:
        """Ends the checks that the process is alive."""
        if self._proof is not None:
            self._proof.cancel()
            self._proof = None

    def _request_proof(self, within_s: float, again_s: float) -> None:
        self._proof = None
        if self.is_alive:
            frame, _ = self.control_frame("list_models")
            self.post(frame)
            loop = asyncio.get_running_loop()
            self._proof = loop.call_later(within_s, self._judge, self._lines_read, within_s, again_s)

    def _judge(self, lines_before: int, within_s: float, again_s: float) -> None:
        self._proof = None
        if self._lines_read > lines_before:
            self.prove_alive(again_s, again_s=again_s)
        elif self.is_alive:
            logger.warning("worker %s did not react within %g s and is killed", self.pid, within_s)
            self._kill_now()

    async def sdk_frames(self) -> AsyncIterator[Frame]:
        """The control frames for the SDK's client; ends with the process."""
        while (frame := await self._sdk_frames.get()) is not None:
            yield frame

    async def kill(self) -> None:
        """Kills the process and removes its folders. Bounded, idempotent, never raises."""
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

    async def _read_stdout(self) -> None:
        """Reads frames as they arrive. When it ends, for whatever reason, it ends the process and every waiter."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                self._lines_read += 1
                frame = read_frame(line)
                if frame is not None and not self._deliver(frame):
                    break
        except ValueError:
            # After a line that is too long, its rest cannot be distinguished from the next line.
            logger.warning("worker %s: a line of more than %d bytes", self.pid, LINE_LIMIT)
        except Exception:
            logger.exception("worker %s: cannot handle a frame", self.pid)
        self._kill_now()
        await self._process.wait()
        self._ended()

    def _deliver(self, frame: Frame) -> bool:
        """Passes the frame to its reader. False if the process was killed, since it must not act on the frame."""
        kind = frame.get("type")
        if kind == "control_response":
            response = frame.get("response")
            request_id = response.get("request_id") if isinstance(response, dict) else None
            answer = self._answers.pop(str(request_id), None)
            if answer is None or not isinstance(response, dict):
                self._sdk_frames.put_nowait(frame)
            elif not answer.done():
                answer.set_result(response)
        elif kind in {"control_request", "control_cancel_request"}:
            if self.on_request is None or not self.on_request(frame):
                self._sdk_frames.put_nowait(frame)
        elif self.on_frame is not None and self.on_frame(frame):
            self._kill_now()
            return False
        return True

    def _kill_now(self) -> None:
        """Sends the signal if the process lives."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                # Popen.kill polls first, which takes the exit code from asyncio, and asyncio logs a warning.
                os.kill(self._process.pid, signal.SIGKILL)

    async def _read_stderr(self) -> None:
        """Drains stderr: a full pipe would block the process."""
        assert self._process is not None
        assert self._process.stderr is not None
        with suppress(ValueError):
            async for line in self._process.stderr:
                text = line.decode(errors="replace").strip()
                if text:
                    self._stderr.append(text[:500])

    def _ended(self) -> None:
        if self.exited.is_set():
            return
        self.exited.set()
        self.stop_proving()
        self._sdk_frames.put_nowait(None)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(WorkerDied("The Claude Code process has ended."))
                # Otherwise asyncio logs the exception of a future that is not awaited any more.
                answer.exception()
        self._answers.clear()
        if self.on_frame is not None:
            self.on_frame(None)


def _command(launch: Launch, places: Places) -> list[str]:
    if launch.arguments:
        return [launch.cli, *launch.arguments]
    return command_line(launch, places.plugin.folder if places.plugin else None)


def _environment(launch: Launch, places: Places) -> dict[str, str]:
    """The launch's variables, plus those of the private folders."""
    own = {"PWD": str(places.work)}
    if launch.is_private:
        own["CLAUDE_CONFIG_DIR"] = str(places.config)
    own |= dict.fromkeys(("TMPDIR", "TEMP", "TMP", "CLAUDE_CODE_TMPDIR"), str(places.temporary))
    return {**dict(launch.environment), **own}


def _lines(frames: Iterable[Mapping[str, object]]) -> bytes:
    return "".join(dumps(frame) + "\n" for frame in frames).encode()


def read_frame(line: bytes) -> Frame | None:
    """One line as a frame; None for blank lines and for plain text, which some builds write to stdout."""
    stripped = line.strip()
    if not stripped.startswith(b"{"):
        return None
    try:
        frame = json.loads(stripped)
    except (ValueError, RecursionError):
        logger.warning("a line that is not JSON, or nested too deep (%d bytes)", len(stripped))
        return None
    return frame if isinstance(frame, dict) else None
