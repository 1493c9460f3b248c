"""An event loop whose time jumps to the next timer when it is idle, so that hours pass in milliseconds."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(Exception):
    """Deadlock: every task waits, and there is no timer."""


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and timeout is None:
            raise Deadlock
        if not events and timeout is not None and timeout > 0:
            self._jump(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time()` starts at 0 and moves only between events."""

    def __init__(self) -> None:
        self.virtual_time = 0.0
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self.virtual_time

    def _jump(self, seconds: float) -> None:
        self.virtual_time += seconds


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` in virtual time. Fails on uncaught errors, such as those of callbacks."""
    uncaught: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: uncaught.append(context))
        result = runner.run(main)
    assert not uncaught
    return result
