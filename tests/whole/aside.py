"""The stand-in on its own thread, for tests that have no event loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.standin.script import Gate
from server.standin.server import Standin, open_standin

WAIT_S = 60.0


@dataclass(frozen=True)
class Aside:
    """A running stand-in, whose scripts may be set from any thread."""

    standin: Standin
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        """Its address."""
        return self.standin.url

    def reached(self, gate: Gate) -> None:
        """Waits, with a timeout, until an answer has reached the gate."""
        asyncio.run_coroutine_threadsafe(gate.reached(), self.loop).result(WAIT_S)

    def open(self, gate: Gate) -> None:
        """Opens the gate for the answers that wait at it."""
        self.loop.call_soon_threadsafe(gate.open)


@contextmanager
def standin_aside() -> Iterator[Aside]:
    """A stand-in that runs while the block does."""
    running: list[Aside] = []
    is_up, is_over = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with open_standin() as standin:
            running.append(Aside(standin, asyncio.get_running_loop()))
            is_up.set()
            await is_over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="stand-in")
    thread.start()
    try:
        assert is_up.wait(WAIT_S)
        yield running[0]
    finally:
        running[0].loop.call_soon_threadsafe(is_over.set)
        thread.join(WAIT_S)
