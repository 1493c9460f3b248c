"""The values that the pool's decision reads and returns."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from server.config import Isolation

Kind = Hashable
"""What a parked worker and a request must have in common, so that a reset is enough to answer it."""

Way = Literal["continued", "reset", "spare", "cold", "process"]
"""How a request found its worker.

`continued`: parked with this conversation. `reset`: parked with another one. `spare`: raw when the request came.
`cold`: booted while the request waited. `process`: any worker, where each conversation has its own process.
"""


class WorkerState(Enum):
    """The state of a worker; `plan` shows the transitions."""

    BOOTING = "booting"
    RAW = "raw"
    ANSWERING = "answering"
    PARKED = "parked"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Slot:
    """One process as the pool counts it, from before its start until its end is confirmed.

    `last_used` is when it entered its state. `has_first_token`: the running answer has begun. `kind` is that of
    its requests, `conversation_key` what it holds; None while it is raw.
    """

    key: int
    state: WorkerState
    last_used: float = 0.0
    has_first_token: bool = False
    kind: Kind | None = None
    conversation_key: str | None = None


@dataclass(frozen=True, slots=True)
class Waiter:
    """A request without a worker, waiting since `since`.

    `conversation_key`: the conversation it continues, if any. `is_background`: it leaves the conversations of others
    where they are, as long as another worker is or will be free.
    """

    key: int
    kind: Kind
    since: float
    conversation_key: str | None = None
    is_background: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """The pool's limits. `size` caps the living processes, closing ones included; times are in seconds."""

    size: int = 3
    max_waiting: int = 100
    queue_timeout_s: float = 300.0
    idle_shrink_s: float = 600.0
    defer_boots_s: float = 5.0  # the longest time that boots of spares wait for answers to begin
    isolation: Isolation = "process"
    keeps_spare: bool = True  # also beside several parked workers
    warms_spares: bool = False


class BootOutlook(Enum):
    """What the last boots say about the next one."""

    UNKNOWN = "unknown"  # no boot yet, or one failure: try one at a time
    GOOD = "good"
    POOR = "poor"  # several failures in a row
    IMPOSSIBLE = "impossible"  # no CLI or no sign-in: the user must act first


@dataclass(frozen=True, slots=True)
class PoolHistory:
    """What the slots do not show: when the pool was last used, and how boots went."""

    last_used: float = 0.0
    outlook: BootOutlook = BootOutlook.UNKNOWN
    boot_from: float = 0.0  # no boot before this time
    deferred_since: float | None = None  # since when boots of spares are deferred
    is_stopping: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """The waiter gets the worker in the slot."""

    waiter: int
    slot: int
    way: Way = "process"


class Refused(Enum):
    """Why a waiter gets no worker."""

    TIMEOUT = "timeout"
    ENGINE = "engine"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The waiter gets an error."""

    waiter: int
    why: Refused


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and when to plan again without an event (None: never). `closes` holds keys of slots."""

    grants: tuple[Grant, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    closes: tuple[int, ...] = ()
    boots: int = 0
    deferred_since: float | None = None
    wake_at: float | None = None
