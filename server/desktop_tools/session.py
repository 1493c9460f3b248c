"""A session of computer use: a person starts it, it has a time limit, and it can be stopped at any moment."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Literal

from server.desktop_tools.actions import (
    Action,
    Desktop,
    Outcome,
    PressKeys,
    Screenshot,
    ToolError,
    TypeText,
    Wait,
    Window,
    Zoom,
)
from server.desktop_tools.arguments import read_action
from server.desktop_tools.denied import DenyList
from server.desktop_tools.scaling import scale_of
from server.desktop_tools.tools import ToolSpec, tool_specs
from server.desktop_tools.words import describe
from server.status import ComputerAction, ComputerResult

LIMIT_S = 600.0
_KEPT_ACTIONS = 50
# Characters that are typed before the window is looked at again.
_PIECE = 40
# How long a desktop gets to end a cancelled action.
_ENDING_S = 5.0
# How often the time limit is compared with the clock.
_LOOK_S = 5.0

End = Literal["menu", "hot key", "corner", "page", "question", "setting", "server", "time", "unwatched"]
Consent = Literal["once", "session", "no"]
"""The person lets Claude do this one action, or use the window until the session ends, or refuses."""
# Asks the person, in words, whether Claude may use this window.
Ask = Callable[[str], Awaitable[Consent]]

_ENDS: dict[End, str] = {
    "menu": "the person stopped it in the menu",
    "hot key": "the person stopped it by the hot key",
    "corner": "the person moved the pointer into a corner",
    "page": "the person stopped it on the dashboard",
    "question": "the person stopped it when it asked for a window",
    "setting": "the person turned the setting off",
    "server": "the server has stopped",
    "time": "its time is over",
    "unwatched": "the person could not have stopped it any more",
}


class ComputerSession:
    """Carries Claude's calls out on `desktop`, one after another, until it ends. It is made when a person starts it.

    `on_action` is called after each action. All methods belong to one event loop. A session that has ended does not
    start again.
    """

    def __init__(
        self,
        desktop: Desktop,
        ask: Ask,
        *,
        limit_s: float = LIMIT_S,
        denied: DenyList | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_action: Callable[[], None] = lambda: None,
    ) -> None:
        self._desktop = desktop
        self._ask = ask
        self._denied = denied or DenyList()
        self._clock = clock
        self._on_action = on_action
        self._deadline = clock() + limit_s
        self._ended = asyncio.Event()
        self._end: End | None = None
        self._turn = asyncio.Lock()
        self._allowed: set[tuple[str, int | None]] = set()
        self._actions: deque[ComputerAction] = deque(maxlen=_KEPT_ACTIONS)

    @property
    def end(self) -> End | None:
        """Why the session ended; None while it runs."""
        if self._end is None and self._clock() >= self._deadline:
            self.stop("time")
        return self._end

    @property
    def actions(self) -> tuple[ComputerAction, ...]:
        """The last actions in words, the oldest first. No text that was typed, and no picture."""
        return tuple(self._actions)

    @property
    def screen(self) -> tuple[int, int]:
        """The screen's width and height in pixels."""
        return self._desktop.screen

    def remaining_s(self) -> float:
        """The seconds until the time limit; 0 once the session has ended."""
        return 0.0 if self.end else self._deadline - self._clock()

    def stop(self, end: End) -> None:
        """Ends the session: the action that runs is cancelled, and all calls that wait are refused."""
        if self._end is None:
            self._end = end
            self._ended.set()

    async def wait(self) -> End:
        """Waits until the session has ended and no action runs any more, and returns why it ended."""
        while self.end is None:
            # Not in one go: the loop's timers stop while the computer sleeps.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), min(self.remaining_s(), _LOOK_S))
        assert self._end is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDING_S), self._turn:
                pass
        return self._end

    async def call(self, name: str, arguments: Mapping[str, object]) -> Outcome:
        """Carries a call of Claude's out. What cannot be done is an error in a sentence."""
        work = asyncio.ensure_future(self._in_turn(name, arguments))
        stopped = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({work, stopped}, timeout=self.remaining_s(), return_when=asyncio.FIRST_COMPLETED)
            if work.done() and not work.cancelled():
                return work.result()
            if self._end is None:
                self.stop("time")
            return self._refusal()
        finally:
            stopped.cancel()
            work.cancel()
            await asyncio.wait({work})

    async def _in_turn(self, name: str, arguments: Mapping[str, object]) -> Outcome:
        async with self._turn:
            if self.end:
                return self._refusal()
            try:
                action = read_action(name, arguments, scale_of(self._desktop.screen))
                return await self._carry_out(action)
            except ToolError as error:
                return Outcome(str(error), is_error=True)

    async def _carry_out(self, action: Action) -> Outcome:
        words = describe(action, None)
        result: ComputerResult = "refused"
        try:
            await self._check_lock()
            windows = await self._desktop.windows_of(action)
            words = describe(action, windows[0] if windows else None)
            await self._check_windows(action, windows, words)
            # The person may have taken a while to answer: the screen may be locked, or another window in front.
            await self._check_lock()
            await self._check_still(action, windows)
            outcome = await self._perform(action, windows)
            result = "refused" if outcome.is_error else "done"
        except asyncio.CancelledError:
            result = "stopped"
            raise
        finally:
            self._actions.append(ComputerAction(words, result))
            self._on_action()
        return outcome

    async def _perform(self, action: Action, windows: tuple[Window, ...]) -> Outcome:
        """Carries the action out; a long text in parts, so that no other window gets the rest of it."""
        if not isinstance(action, TypeText):
            return await self._desktop.perform(action)
        outcome = Outcome()
        for number, piece in enumerate(_parts(action.text)):
            if number:
                await self._check_still(action, windows)
            outcome = await self._desktop.perform(TypeText(piece))
            if outcome.is_error:
                break
        return outcome

    async def _check_still(self, action: Action, before: tuple[Window, ...]) -> None:
        """Raises `ToolError` if the action would reach other windows than those that were checked."""
        now = await self._desktop.windows_of(action)
        if isinstance(action, Screenshot | Zoom):
            self._check_denied(action, now)
        elif not isinstance(action, Wait) and list(map(_program, now)) != list(map(_program, before)):
            raise ToolError("Another window came in front. Take a screenshot before you go on.")

    def _check_denied(self, action: Action, windows: tuple[Window, ...]) -> None:
        for window in windows:
            if reason := self._denied.reason(action, window):
                raise ToolError(reason)

    async def _check_lock(self) -> None:
        if await self._desktop.is_locked():
            raise ToolError("The screen is locked. Nothing can be seen or done until the person unlocks it.")

    async def _check_windows(self, action: Action, windows: tuple[Window, ...], words: str) -> None:
        self._check_denied(action, windows)
        if isinstance(action, Screenshot | Zoom | Wait):
            return
        if not windows and isinstance(action, TypeText | PressKeys):
            raise ToolError("No window has the keyboard. Click into one first.")
        for window in windows:
            known = _program(window)
            if known in self._allowed:
                continue
            consent = await self._ask(
                f"May Claude use the window “{window.title}” ({window.app})? It wants to {words}."
            )
            if consent == "session":
                self._allowed.add(known)
            elif consent != "once":
                raise ToolError(f"The person does not let Claude use the window of {window.app}.")

    def _refusal(self) -> Outcome:
        return Outcome(f"{ending(self._end or 'time')} Do not call these tools again.", is_error=True)


def ending(end: End) -> str:
    """Why a session ended, as a sentence for Claude and for the person."""
    return f"Computer use has ended: {_ENDS[end]}."


def _program(window: Window) -> tuple[str, int | None]:
    """What stays the same while a window's title changes."""
    return window.app, window.pid


def _parts(text: str) -> list[str]:
    """The text in lines, and long lines in parts."""
    return [line[at : at + _PIECE] for line in text.splitlines(keepends=True) for at in range(0, len(line), _PIECE)]


def tools_for(session: ComputerSession) -> tuple[ToolSpec, ...]:
    """The tools that an agent is offered while the session runs; none once it has ended."""
    return () if session.end else tool_specs(scale_of(session.screen))
