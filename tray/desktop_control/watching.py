"""Watches for the person's stop: the hot key, and the pointer in a corner."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress

from server.desktop_tools.session import End
from tray.desktop_control.devices import Watcher
from tray.desktop_control.own_moves import OwnMoves

logger = logging.getLogger(__name__)

# How often the pointer is looked at.
_LOOK_S = 0.05
_START_S = 10.0
_END_S = 5.0


class Watching:
    """A thread that looks until it has called `on_stop` once, or until it is closed.

    The watcher is made on that thread: Windows gives a hot key to the thread that asked for it.
    """

    def __init__(self, make_watcher: Callable[[], Watcher], moves: OwnMoves, on_stop: Callable[[End], object]) -> None:
        self._moves, self._on_stop = moves, on_stop
        # Whether it ended by an error.
        self.has_failed = False
        self._is_closed = threading.Event()
        started: Future[str] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(make_watcher, started), name="drawbridge-desktop-watch", daemon=True
        )
        self._thread.start()
        try:
            self.hot_key = started.result(_START_S)
        except BaseException:
            # A thread that starts late must not watch.
            self._is_closed.set()
            raise

    def close(self) -> None:
        """Ends the thread, within a few seconds. It may be called by `on_stop`."""
        self._is_closed.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_END_S)

    def _run(self, make_watcher: Callable[[], Watcher], started: "Future[str]") -> None:
        try:
            with closing(make_watcher()) as watcher:
                self._moves.watch(watcher.monitors(), watcher.pointer)
                started.set_result(watcher.hot_key)
                self._look(watcher)
        except Exception as error:
            self.has_failed = True
            if started.done():
                logger.exception("the person's stop is not watched any more")
                with suppress(Exception):
                    self._on_stop("unwatched")
            else:
                started.set_exception(error)
        finally:
            self._moves.unwatch()

    def _look(self, watcher: Watcher) -> None:
        while not self._is_closed.is_set():
            end = self._seen(watcher)
            if end is not None and not self._is_closed.is_set():
                self._on_stop(end)
                return

    def _seen(self, watcher: Watcher) -> End | None:
        if watcher.wait(_LOOK_S):
            return "hot key"
        if self._moves.is_in_corner(watcher.pointer):
            return "corner"
        return None
