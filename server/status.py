"""What the server publishes of itself: frozen values that `/health`, `status`, the page and the tray show."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

# Which kind of account `claude auth login` signs in to.
SignInAccount = Literal["claudeai", "console"]


class State(Enum):
    """The life of the server as one word."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


Lack = Literal["claude code", "the claude code that is named"]
"""What no process can start without: any Claude Code at all, or the one that the settings name."""


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How many Claude Code processes there are, by what they do; `ways` counts the answers by how they found theirs.

    `ready`: processes that could take a request at once; `raw` of them not yet configured. `trouble`: why none starts,
    in words; `lacks`: what is not there, where it is that.
    """

    size: int = 0
    ready: int = 0
    raw: int = 0
    booting: int = 0
    answering: int = 0
    parked: int = 0
    waiting: int = 0
    trouble: str | None = None
    lacks: Lack | None = None
    ways: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CliStatus:
    """Which Claude Code runs. `path` and `version` are None when there is none."""

    path: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """Who is signed in and who pays, as the CLI says.

    `payer` is one of: plan, api key, bedrock, vertex, demo, nobody, unknown. Nobody pays where nobody is signed in, and
    where the settings insist on an API key and there is none.
    """

    signed_in: bool | None = None
    payer: str = "unknown"
    detail: str = ""
    method: str | None = None
    provider: str | None = None
    email: str | None = None
    organization: str | None = None
    subscription: str | None = None


@dataclass(frozen=True, slots=True)
class SelfCheckStatus:
    """Whether the Claude Code at hand was seen to do what we rely on, and how requests are answered now.

    `isolation`: "warm", or "process" for each conversation. `cli`: the one that answers instead of the one at hand, if
    any. `failed` names what was not seen of the one at hand; `words` say it, and what follows.
    """

    checked: bool = False
    isolation: str = "process"
    cli: str | None = None
    failed: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model as a person chooses it: `id` goes into settings and requests, `name` is shown."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """How much of a plan is used up: `name` as in "5 hours", `used` from 0 to 1, `resets_at` as a Unix time."""

    name: str
    used: float
    resets_at: float | None = None
    is_reached: bool = False


@dataclass(frozen=True, slots=True)
class CircuitStatus:
    """Requests are refused at once, for a reason that is known: `cause` is "sign in", "limit" or "upstream".

    `model` is the one that is meant, None: all. `title` says it. After `until` one request tries again; Unix times.
    """

    cause: Literal["sign in", "limit", "upstream"]
    model: str | None
    title: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Serving:
    """The part of `Status` that the runner knows: the server's state and the addresses it listens on."""

    state: State = State.STOPPED
    addresses: tuple[str, ...] = ()
    lan_addresses: tuple[str, ...] = ()
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole state of one server at one moment. `lan_addresses`: where containers and the network find it."""

    state: State = State.STOPPED
    addresses: tuple[str, ...] = ()
    lan_addresses: tuple[str, ...] = ()
    base_url: str | None = None
    model: str = ""
    demo: bool = False
    key_required: bool = False
    started_at: float | None = None
    cli: CliStatus = field(default_factory=CliStatus)
    account: AccountStatus = field(default_factory=AccountStatus)
    pool: PoolStatus = field(default_factory=PoolStatus)
    trouble: str | None = None
    models: tuple[ModelName, ...] = ()
    usage: tuple[UsageWindow, ...] = ()
    circuits: tuple[CircuitStatus, ...] = ()
    engine: SelfCheckStatus = field(default_factory=SelfCheckStatus)
