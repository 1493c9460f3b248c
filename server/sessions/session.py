"""A stored conversation, and its limits."""

from dataclasses import dataclass

from server.conversation.parts import Message

# Of one session: as much as a request may have.
MOST_MESSAGES = 10_000
MOST_BYTES = 32_000_000
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What is known of a session without its messages. Times are Unix times, `size` is in bytes."""

    id: str
    created_at: float
    used_at: float
    messages: int = 0
    size: int = 0
    forked_from: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation of `owner`.

    `number` tells it from a later one with the same id; None: it is not stored yet. `home` is where it is stored.
    `forked_from` is the id of the session that it began as a copy of. `is_branch`: it has the messages which an edited
    history replaced in that session, and no request has continued it yet.
    """

    owner: str
    id: str
    system: str = ""
    messages: tuple[Message, ...] = ()
    size: int = 0
    number: str | None = None
    home: object = None
    forked_from: str | None = None
    is_branch: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages of a session, from one place on. `following` is the place of the next one; None: there is none."""

    system: str
    messages: tuple[Message, ...]
    following: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the sessions of an owner."""

    sessions: int = 0
    messages: int = 0
    size: int = 0
