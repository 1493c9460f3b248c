"""Follows one request while it is answered, to keep its body and its answer. Everything it holds is bounded."""

from collections.abc import Iterable
from dataclasses import dataclass

from server.contents.kept import Kept, KeptText
from server.contents.redaction import clean, rendered
from server.contents.transcript import Transcript
from server.conversation.events import Event
from server.journal.record import Record

# Characters of a request and its answer together. An answer always gets a part of them.
MOST_EACH = 1_000_000
_ANSWER_LEAST = 200_000
_IGNORED = b"x-drawbridge-ignored"
_REFUSED = frozenset({401, 403})


class Budget:
    """How many bytes of bodies may wait to be rendered, of all requests together."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, count: int) -> bool:
        """Whether there was room."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        """The bytes are needed no longer."""
        self._left += count


@dataclass(frozen=True, slots=True)
class _Head:
    method: str
    path: str


class Keeper:
    """What one request has sent and got so far. Its methods are called in the server's loop, `kept` in a thread."""

    def __init__(self, method: str, path: str, budget: Budget, period: int = 0) -> None:
        self.period = period
        """How often everything had been forgotten when the request came."""
        self._head = _Head(method, clean(path)[:2000])
        self._budget = budget
        self._chunks: list[bytes] = []
        self._size = 0
        self._held = 0
        self._is_dropped = False
        self._transcript = Transcript(MOST_EACH)
        self._reply: list[bytes] = []
        self._reply_size = 0
        self._status: int | None = None
        self._ignored = ""

    def received(self, chunk: bytes) -> None:
        """Takes the next bytes of the request's body."""
        self._size += len(chunk)
        if self._is_dropped or not self._budget.take(len(chunk)):
            self._is_dropped = True
            return
        self._held += len(chunk)
        self._chunks.append(chunk)

    def saw(self, event: Event) -> None:
        """Takes the next event of the answer."""
        self._transcript.add(event)

    def began(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """The response begins."""
        self._status = status
        self._ignored = next((value.decode("latin-1") for name, value in headers if name == _IGNORED), "")

    def sent(self, chunk: bytes) -> None:
        """Takes the next bytes of the response, which are kept only if no event tells the answer."""
        self._reply_size += len(chunk)
        if not self._transcript.has_begun and self._reply_size <= MOST_EACH:
            self._reply.append(chunk)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether anything was read. A request that was refused at once has sent no body."""
        return bool(self._size) or self._status not in _REFUSED

    def release(self) -> None:
        """Frees what it holds."""
        self._budget.give_back(self._held)
        self._chunks, self._held = [], 0

    def kept(self, record: Record) -> Kept:
        """What is kept of the request, which has ended. Takes time for a large body."""
        has_events = self._transcript.has_begun
        answer_size = self._transcript.size if has_events else min(self._reply_size, _ANSWER_LEAST)
        text, is_cut = "", bool(self._size)
        if not self._is_dropped:
            room = max(MOST_EACH - answer_size, _ANSWER_LEAST)
            text, is_cut = rendered(b"".join(self._chunks), room) if self._size else ("", False)
        reply = KeptText()
        if not has_events and self._reply_size:
            reply_text, reply_cut = rendered(b"".join(self._reply), _ANSWER_LEAST)
            reply = KeptText(reply_text, self._reply_size, reply_cut)
        return Kept(
            record,
            self._head.method,
            self._head.path,
            KeptText(text, self._size, is_cut),
            self._transcript.parts(),
            self._transcript.is_cut,
            self._transcript.stop,
            self._transcript.failure,
            reply,
            clean(self._ignored),
        )
