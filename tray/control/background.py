"""Work on background threads whose results come back to the controller's thread."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from server.errors import DrawbridgeError, StartError

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Completed:
    """An event for the controller's thread, which calls `on_done`."""

    on_done: Callable[[], None]


class Background:
    """Runs work on short-lived threads. `post` puts an event on the controller's queue."""

    def __init__(self, post: Callable[[Completed], None]) -> None:
        self._post = post

    def run(self, work: Callable[[], T], on_done: Callable[[T | DrawbridgeError], None]) -> None:
        """Runs `work` on another thread, then `on_done` with its result or error on the controller's thread."""

        def run_and_post() -> None:
            try:
                result: T | DrawbridgeError = work()
            except DrawbridgeError as error:
                result = error
            except Exception as error:
                logger.exception("unexpected error in a background thread")
                result = StartError(f"{type(error).__name__}: {error}.", title="Something went wrong")
            self._post(Completed(lambda: on_done(result)))

        threading.Thread(target=run_and_post, name="drawbridge-background", daemon=True).start()

    def call_soon(self, step: Callable[[], None]) -> None:
        """Calls `step` on the controller's thread after the events that are already queued."""
        self._post(Completed(step))


class SerialQueue:
    """Runs steps on the controller's thread one after another, even if a step waits for background work."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._steps: deque[Callable[[], None]] = deque()
        self._is_waiting = False

    def add(self, step: Callable[[], None]) -> None:
        """Runs `step` after the steps before it: at once if there are none, and then raises what it raises."""
        self._steps.append(step)
        if len(self._steps) == 1:
            self._run_first()

    def run(self, work: Callable[[], T], on_done: Callable[[T | DrawbridgeError], None]) -> None:
        """As `Background.run`, called by the current step, which then ends only after `on_done`."""
        self._is_waiting = True

        def done(result: T | DrawbridgeError) -> None:
            try:
                on_done(result)
            finally:
                self._finish()

        self._background.run(work, done)

    def _run_first(self) -> None:
        self._is_waiting = False
        try:
            self._steps[0]()
        finally:
            if not self._is_waiting:
                self._finish()

    def _finish(self) -> None:
        self._steps.popleft()
        if self._steps:
            self._background.call_soon(self._run_first)
