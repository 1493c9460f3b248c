"""The menu's line about the questions of agents, and the notification about a new one."""

from collections.abc import Iterator

from server.desktop_tools.words import QUESTION_PROJECT, QUESTION_TOOL
from server.status import ApprovalsStatus, Status
from server.status_phrases import counted, fitted
from tray.commands import Open
from tray.menu.item import Item
from tray.model import Notice, Snapshot

# The names come from other programs; both fit into a line of the menu.
_LONGEST_NAME = 18


def question_items(snapshot: Snapshot) -> Iterator[Item]:
    """The line that opens the question; nothing if none waits."""
    if text := question_text(snapshot.status):
        yield Item(f"{text}...", Open("question"), enabled=snapshot.status.base_url is not None)


def question_text(status: Status) -> str:
    """What waits for the user; empty if nothing does."""
    approvals = status.approvals
    if not approvals.waiting:
        return ""
    if approvals.waiting > 1:
        return f"{counted(approvals.waiting, 'question')} of agents wait for you"
    if (approvals.tool, approvals.project) == (QUESTION_TOOL, QUESTION_PROJECT):
        return "An agent asks: use of a window"
    return f"An agent asks: {_name(approvals.tool)} in {_name(approvals.project)}"


class QuestionNews:
    """Decides when a question is new."""

    def __init__(self) -> None:
        self._before = ApprovalsStatus()

    def of(self, status: Status) -> Iterator[Notice]:
        """What to tell. It names the tool and the project, never what the tool would do: others may see the screen."""
        before, self._before = self._before, status.approvals
        now = status.approvals
        is_other = now.id != before.id and now.waiting == before.waiting
        if now.waiting and (now.waiting > before.waiting or is_other):
            text = "Nothing runs before you answer. Without an answer it is refused after a few minutes."
            yield Notice(question_text(status), text, Open("question"), "Show the question")


def _name(text: str) -> str:
    return fitted(text, _LONGEST_NAME) or "?"
