"""What an agent asks the person at this computer, and the person's decision."""

from dataclasses import dataclass
from typing import Literal, Protocol

from server.errors import DrawbridgeError

LIMIT_S = 300.0
"""How long a question waits."""
Decision = Literal["once", "conversation", "refuse", "stop"]
"""Allow once, allow for this conversation, refuse, or refuse and stop the answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a tool may run.

    `id` is unique in this run of the server. `owner` made the request, `request_id` is its id. `detail`: the whole
    command, or the change as a diff. `reason`: why Claude Code asks. `path`: the place that it is about.
    `may_remember`: whether "for this conversation" can be offered. `asked_at` and `expires_at` are Unix times.
    """

    id: str
    owner: str
    request_id: str
    project: str
    tool: str
    description: str = ""
    detail: str = ""
    reason: str = ""
    path: str = ""
    may_remember: bool = False
    asked_at: float = 0.0
    expires_at: float = 0.0


class QuestionRefused(DrawbridgeError):
    """The question cannot be put to the person, so the tool may not run."""

    title = "The question cannot be shown"


class Approvals(Protocol):
    """Where questions are put to the person: the dashboard, a notification and a command."""

    async def ask(self, question: Question) -> Decision | None:
        """Waits for the decision; None if there is none in time. A cancelled wait withdraws the question.

        Raises `QuestionRefused` if it cannot be put to the person; its message says why, and Claude may read it.
        """
        ...
