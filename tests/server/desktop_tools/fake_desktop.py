"""A desktop without a screen, for sessions of computer use."""

import asyncio
import threading

from server.desktop_tools.actions import Action, Outcome, TypeText, Window


class FakeDesktop:
    """Notes what it is asked to do; typing waits until `go`."""

    screen = (1280, 800)

    def __init__(self, *windows: Window) -> None:
        self.windows = windows
        self.locked = False
        self.done: list[Action] = []
        self.cancelled: list[Action] = []
        self.typing = asyncio.Event()
        self.go = asyncio.Event()
        self.closings: list[tuple[int, int]] = []

    async def is_locked(self) -> bool:
        return self.locked

    async def windows_of(self, action: Action) -> tuple[Window, ...]:
        return self.windows

    async def perform(self, action: Action) -> Outcome:
        if isinstance(action, TypeText):
            self.typing.set()
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled.append(action)
                raise
        self.done.append(action)
        return Outcome("done")

    def close(self) -> None:
        """Notes how many actions were cancelled before, and in which thread."""
        self.closings.append((len(self.cancelled), threading.get_ident()))
