"""Runs the Claude Code CLI once, with a timeout, and returns what it prints."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from server.errors import CliFailed
from server.machine.processes.guards import guard_for

TIMEOUT_S = 15.0
_MOST_OUTPUT, _MOST_ERROR_TEXT = 1_000_000, 200


class ProgramOutput(asyncio.SubprocessProtocol):
    """What a program prints. `has_exited`: it has ended; `is_complete`: both its pipes are closed too."""

    def __init__(self) -> None:
        self.has_exited, self.is_complete = asyncio.Event(), asyncio.Event()

    def process_exited(self) -> None:
        """Output may still be in the pipes."""
        self.has_exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # the protocol's signature
        """The process has ended and both pipes are closed."""
        self.is_complete.set()


async def run_program(
    path: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: ProgramOutput,
    *,
    timeout_s: float,
    alone: bool = False,
) -> int | None:
    """Runs the CLI until it ends, and returns its exit code; `output` gets what it prints.

    `alone`: programs that it starts, such as a browser, outlive it; they may keep its pipes open, which then are not
    waited for. Raises `CliFailed` if it cannot be run, and TimeoutError. The process is killed at the timeout and on
    cancellation.
    """
    guard = guard_for(alone=alone)
    try:
        transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: output,
            *guard.wrap([str(path), *arguments]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if alone else asyncio.subprocess.PIPE,
            env=dict(environment),
            **guard.spawn_options(),
        )
    except OSError as error:
        guard.close()
        raise CliFailed(f"Claude Code at {str(path)!r} cannot be run: {error.strerror or error}.") from error
    guard.adopt(transport.get_pid())
    try:
        async with asyncio.timeout(timeout_s):
            await (output.has_exited if alone else output.is_complete).wait()
    finally:
        # Kills the process if it still runs. Its children may keep the pipes open; they are not waited for.
        transport.close()
        await asyncio.shield(output.has_exited.wait())
        guard.close()
    return transport.get_returncode()


async def output_of(path: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """What the CLI prints to stdout. Raises `CliFailed` if it cannot be run, prints nothing or takes too long.

    The exit code does not matter: `auth status` ends with 1 when signed out, and its output is the answer.
    """
    output = _Output()
    try:
        code = await run_program(path, arguments, environment, output, timeout_s=TIMEOUT_S)
    except TimeoutError as error:
        raise CliFailed(f"Claude Code at {str(path)!r} did not answer within {TIMEOUT_S:.0f} s.") from error
    text = output.text(1)
    if not text:
        last = (output.text(2).splitlines() or [""])[-1][:_MOST_ERROR_TEXT]
        detail = f": {last!r}" if last else ", without any output"
        raise CliFailed(f"Claude Code at {str(path)!r} ended with code {code}{detail}.")
    return text


class _Output(ProgramOutput):
    """Collects stdout and stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._output = {1: bytearray(), 2: bytearray()}

    def text(self, fd: int) -> str:
        """The output so far: 1 is stdout, 2 is stderr."""
        return self._output[fd].decode(errors="replace").strip()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keeps a bounded amount: a program that prints more is not Claude Code."""
        self._output[fd] += data[: max(0, _MOST_OUTPUT - len(self._output[fd]))]
