"""The tray's side of computer use: `Desktop` on the devices of this system."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from server.desktop_tools.actions import Action, Outcome, Screenshot, ToolError, Window
from server.desktop_tools.session import End
from tray.desktop_control.carrying_out import carry_out, check_size, windows_of
from tray.desktop_control.devices import Devices, NotOnThisDesktop, Pause
from tray.desktop_control.own_moves import OwnMoves
from tray.desktop_control.watching import Watching

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long a step of an action that was cancelled, and the end of the devices, may take.
_END_S = 5.0


def open_desktop_control() -> "LocalDesktop":
    """Opens the devices of this system. Raises `NotOnThisDesktop`, with the reason, where that is not possible.

    It blocks, and so do `watch`, `unwatch` and `close`. Do not call them on the main thread: on macOS they need it.
    """
    from tray.desktop_control.opening import open_devices

    return LocalDesktop(open_devices)


class LocalDesktop:
    """A `Desktop`. The devices live on a thread of their own, which does one thing at a time."""

    def __init__(self, open_devices: Callable[[], Devices]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawbridge-desktop")
        self._moves = OwnMoves()
        self._watching: Watching | None = None
        self._is_closed = False
        try:
            self._devices = self._thread.submit(open_devices).result()
            self._size = self._thread.submit(self._devices.size).result()
        except NotOnThisDesktop:
            self._thread.shutdown(wait=False)
            raise
        except Exception as error:
            self._thread.shutdown(wait=False)
            logger.exception("the desktop cannot be used")
            raise NotOnThisDesktop(
                f"The desktop cannot be used ({type(error).__name__}). The log tells more."
            ) from error

    @property
    def screen(self) -> tuple[int, int]:
        """The screen's width and height in pixels, as of the last screenshot."""
        return self._size

    async def is_locked(self) -> bool:
        """Whether the screen is locked."""
        return await self._run(lambda _: self._devices.is_locked())

    async def windows_of(self, action: Action) -> tuple[Window, ...]:
        """The windows that the action reaches: under the pointer, with the keyboard, or all that a picture shows."""
        return await self._run(lambda _: windows_of(self._devices, action))

    async def perform(self, action: Action) -> Outcome:
        """Carries the action out. When it is cancelled, no key and no button stays pressed once this has returned."""
        return await self._run(lambda pause: self._perform(action, pause))

    @property
    def hot_key(self) -> str:
        """The keys that stop a session while it is watched, as the person reads them; empty if there are none."""
        return self._watching.hot_key if self._watching else ""

    def watch(self, on_stop: Callable[[End], object]) -> None:
        """Calls `on_stop` once, on another thread, when the person presses the hot key or moves into a corner.

        It replaces the callback of an earlier call. Raises `ToolError` if the desktop does not answer.
        """
        self.unwatch()
        try:
            self._watching = Watching(self._devices.watcher, self._moves, on_stop)
        except Exception as error:
            logger.exception("the person's stop cannot be watched")
            raise ToolError("The desktop does not answer.") from error

    def unwatch(self) -> None:
        """Ends `watch`: its callback is not called any more."""
        if self._watching is not None:
            self._watching.close()
            self._watching = None

    def close(self) -> None:
        """Ends all, within a few seconds; an action that runs has to be cancelled before. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        self.unwatch()
        with suppress(Exception):
            self._thread.submit(self._devices.close).result(_END_S)
        self._thread.shutdown(wait=False)

    def _perform(self, action: Action, pause: Pause) -> Outcome:
        if self._watching is not None and self._watching.has_failed:
            raise ToolError("The person could not stop this any more, by pointer or hot key: computer use has ended.")
        check_size(self._devices, action, self._size)
        if isinstance(action, Screenshot):
            self._size = self._devices.size()
        return carry_out(self._devices, self._moves, action, pause)

    async def _run(self, work: Callable[[Pause], T]) -> T:
        """Does the work on the devices' thread. When it is cancelled, the work ends before this returns."""
        if self._is_closed:
            raise ToolError("Computer use has ended.")
        stopped = threading.Event()
        done = asyncio.wrap_future(self._thread.submit(_guarded, work, stopped))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            stopped.set()
            # A second cancellation does not end the wait.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({done}, timeout=_END_S)
            await asyncio.wait({done}, timeout=_END_S)
            if done.done() and not done.cancelled():
                done.exception()
            raise


def _guarded(work: Callable[[Pause], T], stopped: threading.Event) -> T:
    if stopped.is_set():
        raise ToolError("The action was cancelled.")
    try:
        return work(stopped.wait)
    except ToolError:
        raise
    except Exception as error:  # the edge of this thread: each system's libraries have errors of their own
        # Without its text: it could show what is on the screen.
        logger.warning("computer use: %s", type(error).__name__)
        raise ToolError("The desktop does not answer.") from error
