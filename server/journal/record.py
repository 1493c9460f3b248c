"""What the journal keeps of a request. Never a word of a prompt, of an answer or of a key."""

from dataclasses import dataclass, field
from typing import Literal

from server.conversation.events import Usage

Outcome = Literal["answered", "failed", "cancelled"]
"""How a request ended: with an answer, with an error, or because its client disconnected."""


@dataclass(frozen=True, slots=True)
class Record:
    """A request that has ended. Texts are empty, and times None, where nothing is known.

    `ended_at` is a Unix time. `door` is the name of the listener, `app` the program that asked, `path` the canonical
    one, `key` the name of the app's own access key. `asked` is the model's name as the client wrote it, `model` the
    id of the one that answered, `way` how the request found its process. `error` is the name of the error's class,
    `trouble` its title and `param` the field of the request that it names; `ignored` names fields without effect.

    The milliseconds are from the request's arrival until its body was read, until it had a process, until the process
    had all of the conversation, until the first event of the answer, and until the end.
    """

    id: str
    ended_at: float
    door: str  # the name of the column in older files, too
    app: str
    path: str
    outcome: Outcome
    status: int | None = None
    dialect: str = ""
    asked: str = ""
    model: str = ""
    way: str = ""
    error: str = ""
    trouble: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    payer: str = ""
    leased_ms: float | None = None
    first_ms: float | None = None
    total_ms: float = 0.0
    key: str = ""
    param: str = ""
    ignored: str = ""
    read_ms: float | None = None
    sent_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of the requests of one `day` (as in 2026-11-28, local time), app, model, payer and key.

    `failed` counts those that ended with an error. `cost_usd` is Claude Code's estimate, also if a plan pays.
    """

    day: str
    app: str
    model: str
    payer: str
    requests: int
    failed: int
    usage: Usage
    cost_usd: float
    key: str = ""


# These payers are not billed for the cost that Claude Code computes.
NOT_BILLED = frozenset({"plan", "demo"})


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of totals of one app, model, key or day. `would_be_usd` is what an API key would have been billed."""

    name: str
    requests: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)
    billed_usd: float = 0.0
    would_be_usd: float = 0.0
