"""The menu's lines about Claude's use of the desktop, and the notifications about it."""

import textwrap
from collections.abc import Iterator

from server.status import ComputerAction, ComputerQuestion, ComputerStatus, State
from server.status_phrases import LONGEST
from tray.commands import AnswerComputerUse, ChangeSetting, StartComputerUse, StopComputerUse
from tray.menu.item import SEPARATOR, Item, text_line
from tray.menu.phrases import set_by
from tray.model import Notice, Snapshot

_SHOWN_ACTIONS = 8
# In lines of the menu.
_LONGEST_QUESTION = 8
_CONSENT = (
    "Claude then sees all that is on the screen",
    "It clicks and types as you, in windows that you allow",
    "Text on the screen may contain instructions to Claude",
)
_RESULTS = {"done": "", "refused": " (refused)", "stopped": " (stopped)"}


def session_items(snapshot: Snapshot) -> Iterator[Item]:
    """What Claude does and the line that stops it; nothing without a session."""
    computer = snapshot.status.computer
    if computer.is_on:
        if computer.question is not None:
            yield from _question_item(computer.question)
        actions = tuple(_action_lines(computer.actions)) or (text_line("Claude has done nothing yet"),)
        yield Item(f"Claude uses the desktop: {snapshot.computer_minutes_left} min left", items=actions)
        yield Item("Stop Claude's use of the desktop", StopComputerUse())


def computer_item(snapshot: Snapshot) -> Iterator[Item]:
    """The line that starts a session or turns the setting on, with what that means; nothing during a session."""
    if snapshot.status.computer.is_on:
        return
    pinned = set_by(snapshot, "computer_use")
    if snapshot.computer_use:
        yield Item("Let Claude use the desktop", items=tuple(_start_lines(snapshot, pinned)))
    elif pinned:
        yield text_line(f"Computer use: off{pinned}")
    else:
        turn_on = Item("Turn on (starts nothing yet)", ChangeSetting("computer_use", value=True))
        yield Item("Computer use: off", items=(*map(text_line, _CONSENT), SEPARATOR, turn_on))


def computer_mark(computer: ComputerStatus) -> str:
    """What the icon's tooltip says during a session."""
    return "Claude uses the desktop" if computer.is_on else ""


def started_notice(minutes: float, hot_key: str) -> Notice:
    """What to tell when a session has started."""
    keys = f"press {hot_key}, " if hot_key else ""
    text = f"For {_time(minutes)}. To stop it, {keys}move the pointer into a corner of the screen, or use the menu."
    return Notice("Claude uses the desktop", text, StopComputerUse(), "Stop now")


class ComputerNews:
    """Decides when it is new that a session has ended."""

    def __init__(self) -> None:
        self._before = ComputerStatus()

    def of(self, computer: ComputerStatus) -> Iterator[Notice]:
        """What to tell of `computer`."""
        before, self._before = self._before, computer
        # A session that was stopped at once was never seen.
        is_other_end = computer.ended not in {"", before.ended}
        if not computer.is_on and (before.is_on or is_other_end):
            yield Notice("Claude no longer uses the desktop", computer.ended or "The server has stopped.")


def _question_item(question: ComputerQuestion) -> Iterator[Item]:
    """The whole question with its answers: a menu does not cover the window that it is about."""
    lines = textwrap.wrap(" ".join(question.sentence.split()), LONGEST)
    if not 0 < len(lines) <= _LONGEST_QUESTION:
        # What is not shown must not be allowed. The dashboard shows all of it.
        return
    answers = (
        Item("Allow it once", AnswerComputerUse(question.id, "once")),
        Item("Allow the window until it ends", AnswerComputerUse(question.id, "conversation")),
        Item("Refuse it", AnswerComputerUse(question.id, "refuse")),
    )
    yield Item("Answer Claude's question here", items=(*map(text_line, lines), SEPARATOR, *answers))


def _start_lines(snapshot: Snapshot, pinned: str) -> Iterator[Item]:
    computer = snapshot.status.computer
    yield from map(text_line, _CONSENT)
    yield SEPARATOR
    is_running = snapshot.status.state is State.RUNNING
    yield Item(f"Start, for {_time(snapshot.computer_minutes)}", StartComputerUse(), enabled=is_running)
    yield SEPARATOR
    if computer.ended:
        yield text_line(computer.ended)
    if actions := tuple(_action_lines(computer.actions)):
        yield Item("What Claude did last", items=actions)
    if pinned:
        yield text_line(f"Computer use: on{pinned}")
    else:
        yield Item("Turn computer use off", ChangeSetting("computer_use", value=False))


def _action_lines(actions: tuple[ComputerAction, ...]) -> Iterator[Item]:
    """The last actions, the newest first. Numbers keep equal ones apart."""
    numbered = list(enumerate(actions, 1))[-_SHOWN_ACTIONS:]
    for number, action in reversed(numbered):
        yield text_line(f"{number}. {action.words}{_RESULTS[action.result]}")


def _time(minutes: float) -> str:
    return "1 minute" if minutes == 1 else f"{minutes:g} minutes"
