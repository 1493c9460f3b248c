"""A tunnel's program, from its start to its end: its lines are read, and it ends with us."""

import asyncio
import collections
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from server.errors import TunnelRefused
from server.machine.processes.guards import Guard

logger = logging.getLogger(__name__)

# How long a program may take to end by itself.
STOP_TIMEOUT_S = 3.0
_READ_BYTES = 16_384
_LONGEST_LINE = 65_536
_KEPT_LINES = 12
_LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class ProgramContext:
    """What programs start with: a guard that ends them with us, and the environment to choose theirs from."""

    guard: Guard
    environ: Mapping[str, str]


class Child:
    """A running program. `lines` are its latest ones, without those that are blank."""

    def __init__(self, process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self._process = process
        self._on_line = on_line
        self.lines: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._reading = asyncio.create_task(self._read())

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return not self._reading.done()

    @property
    def words(self) -> str:
        """Its last line, for a message."""
        return self.lines[-1][:_LONGEST_WORDS] if self.lines else ""

    async def ended(self) -> int:
        """Waits for its end; returns its exit code."""
        await asyncio.wait({self._reading})
        return await self._process.wait()

    async def result(self, timeout_s: float) -> tuple[int, str]:
        """Waits for its end; returns its exit code and its latest lines. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            return await self.ended(), "\n".join(self.lines)

    async def stop(self) -> None:
        """Closes its input and asks it to end, waits, then kills it. Only this one process, by its handle."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._reading}, timeout=STOP_TIMEOUT_S)
        if not done:
            logger.warning("a tunnel's program did not end within %g s and is killed", STOP_TIMEOUT_S)
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
            await asyncio.wait({self._reading}, timeout=STOP_TIMEOUT_S)
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def _signal(self, number: int) -> None:
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.kill(self._process.pid, number)

    async def _read(self) -> None:
        """Reads until the program has ended. A line may come in parts; one that is too long is cut."""
        assert self._process.stdout is not None
        rest = b""
        while data := await self._process.stdout.read(_READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._note(line)
            rest = rest[-_LONGEST_LINE:]
        self._note(rest)
        await self._process.wait()

    def _note(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()
        if text:
            self.lines.append(text)
            self._on_line(text)


@asynccontextmanager
async def running(
    argv: Sequence[str],
    context: ProgramContext,
    environment: Mapping[str, str],
    on_line: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Child]:
    """Runs a program during the block. `on_line` gets each line of its output. Raises `TunnelRefused`."""
    try:
        # In the loop's thread: on Linux the guard's signal fires when the spawning thread ends.
        process = await asyncio.create_subprocess_exec(
            *context.guard.wrap(argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            **context.guard.spawn_options(),
        )
    except OSError as error:
        raise TunnelRefused(f"{argv[0]} cannot be started: {error.strerror or error}.", kind="missing") from error
    context.guard.adopt(process.pid)
    child = Child(process, on_line)
    try:
        yield child
    finally:
        # Shielded: a cancelled tunnel must not leave its program behind.
        await asyncio.shield(asyncio.ensure_future(child.stop()))


async def output_of(
    argv: Sequence[str], context: ProgramContext, environment: Mapping[str, str], timeout_s: float = 10.0
) -> tuple[int, str]:
    """Runs a short program; returns its exit code and its whole output. Raises `TunnelRefused` at the timeout."""
    lines: list[str] = []
    try:
        async with running(argv, context, environment, lines.append) as child:
            code, _ = await child.result(timeout_s)
    except TimeoutError as error:
        raise TunnelRefused(f"{argv[0]} did not answer within {timeout_s:g} s.", kind="ended") from error
    return code, "\n".join(lines)
