"""The questions that wait for the person at this computer, each of which is decided once."""

import asyncio
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from server.agents.asking.questions import LIMIT_S, Decision, Question, QuestionRefused
from server.errors import InvalidRequest, NotFound, RequestError
from server.status import ApprovalsStatus

logger = logging.getLogger(__name__)

# A person reads only so many; an agent that asks more in the meantime is refused at once.
MOST_OPEN = 32
# In characters. All of it is shown, because what is not shown must not be allowed.
LONGEST_DETAIL = 400_000
# Ids of closed questions, to tell a late decision from one about a question that never was.
_REMEMBERED = 256

Outcome = Literal["once", "conversation", "refuse", "stop", "expired", "withdrawn"]
"""How a question ended: by a decision, by the time limit, or because its request ended."""
_CLOSED: dict[Outcome, str] = {
    "once": "it was allowed",
    "conversation": "it was allowed",
    "refuse": "it was refused",
    "stop": "it was refused, and the answer stopped",
    "expired": "there was no decision in time",
    "withdrawn": "the request that asked has ended",
}


class QuestionClosed(RequestError):
    """The question was decided before, or is closed for another reason."""

    title = "This question is closed"


@dataclass(frozen=True, slots=True)
class Change:
    """A question was opened, or closed with that `outcome`."""

    question: Question
    outcome: Outcome | None = None


@dataclass(slots=True)
class _Open:
    """An open question. `decided` wakes the waiting request in its `loop`. `outcome` is set once, under the lock."""

    question: Question
    loop: asyncio.AbstractEventLoop
    decided: asyncio.Event
    outcome: Outcome | None = None


class OpenQuestions:
    """Implements `Approvals`. Every method may be called from any thread, and `ask` in any loop.

    The callbacks of `watch` are called after each change, in the request's loop. They must neither block nor raise.
    """

    def __init__(self, *, limit_s: float = LIMIT_S, clock: Callable[[], float] = time.time) -> None:
        self.limit_s = limit_s
        self._watchers: list[Callable[[Change], None]] = []
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}
        self._closed: OrderedDict[str, Outcome] = OrderedDict()

    def watch(self, on_change: Callable[[Change], None]) -> None:
        """Has `on_change` called after each change."""
        self._watchers.append(on_change)

    def open_questions(self) -> tuple[Question, ...]:
        """The questions that wait, the oldest first."""
        with self._lock:
            return tuple(entry.question for entry in self._open.values())

    @property
    def status(self) -> ApprovalsStatus:
        """How many questions wait, and which one waits longest."""
        waiting = self.open_questions()
        if not waiting:
            return ApprovalsStatus()
        return ApprovalsStatus(len(waiting), waiting[0].id, waiting[0].tool, waiting[0].project)

    async def ask(self, question: Question) -> Decision | None:
        """Waits for the decision; see `Approvals`. Sets the times of `question`, and its id if that is empty."""
        entry = self._add(question)
        wait_s = max(0.0, entry.question.expires_at - entry.question.asked_at)
        try:
            async with asyncio.timeout(wait_s):
                await entry.decided.wait()
        except TimeoutError:
            self._close(entry, "expired")
        finally:
            self._close(entry, "withdrawn")
        # Another thread may have decided at the last moment.
        return None if entry.outcome in {"expired", "withdrawn", None} else entry.outcome  # type: ignore[return-value]

    def decide(self, id_: str, decision: Decision) -> Question:
        """Decides the question and returns it.

        Raises `NotFound`, `QuestionClosed`, and `InvalidRequest` if "conversation" cannot be offered for it.
        """
        with self._lock:
            entry = self._open.get(id_)
            closed = self._closed.get(id_)
        if entry is not None:
            if decision == "conversation" and not entry.question.may_remember:
                raise InvalidRequest(
                    "This question cannot be allowed for the whole conversation.",
                    param="decision",
                    hint="Allow it once.",
                )
            if self._close(entry, decision):
                return entry.question
            closed = entry.outcome
        if closed is None:
            raise NotFound(f"There is no question {id_[:100]!r}.", hint="'drawbridge approvals' lists those that wait.")
        raise QuestionClosed(f"This question is closed: {_CLOSED[closed]}.")

    def _add(self, question: Question) -> _Open:
        if len(question.detail) > LONGEST_DETAIL:
            raise QuestionRefused(
                f"What the tool would do is {len(question.detail):,} characters long. The person cannot be shown more "
                f"than {LONGEST_DETAIL:,}, so it was refused. Do it in smaller steps."
            )
        now = self._clock()
        latest = now + self.limit_s
        expires_at = min(question.expires_at, latest) if question.expires_at else latest
        known = replace(question, id=question.id or secrets.token_hex(8), asked_at=now, expires_at=expires_at)
        entry = _Open(known, asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if known.id in self._open or known.id in self._closed:
                raise ValueError(f"a question with the id {known.id!r} was asked before")
            if len(self._open) >= MOST_OPEN:
                raise QuestionRefused(
                    f"{MOST_OPEN} questions wait for the person's decision already, so this one was refused."
                )
            self._open[known.id] = entry
        logger.info("an agent asks whether %s may run in %s", known.tool[:80], known.project[:80])
        self._tell(entry, Change(known))
        return entry

    def _close(self, entry: _Open, outcome: Outcome) -> bool:
        """Closes the question, if it is open. The one caller that gets True has decided it."""
        with self._lock:
            if entry.outcome is not None:
                return False
            entry.outcome = outcome
            del self._open[entry.question.id]
            self._closed[entry.question.id] = outcome
            while len(self._closed) > _REMEMBERED:
                self._closed.popitem(last=False)
        logger.info("the question about %s is closed: %s", entry.question.tool[:80], _CLOSED[outcome])
        self._tell(entry, Change(entry.question, outcome))
        return True

    def _tell(self, entry: _Open, change: Change) -> None:
        """Wakes the request that asked and reports the change, both in that request's loop."""

        def tell() -> None:
            if change.outcome is not None:
                entry.decided.set()
            for on_change in self._watchers:
                on_change(change)

        try:
            is_here = asyncio.get_running_loop() is entry.loop
        except RuntimeError:
            is_here = False
        if is_here:
            tell()
        else:
            with suppress(RuntimeError):  # its loop is closed: the server has stopped
                entry.loop.call_soon_threadsafe(tell)
