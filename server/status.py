"""The server's status: frozen values shown by `/health`, `drawbridge status`, the page and the tray."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

# The kinds of account that `claude auth login` signs in to.
SignInAccount = Literal["claudeai", "console"]


class State(Enum):
    """The server's life cycle."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


Lack = Literal["claude code", "the claude code that is named"]
"""What is missing if no process can start: any Claude Code, or the one named in the settings."""


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """Counts of Claude Code processes by state, and of answers by way (how a request found its worker).

    `ready` processes can take a request at once; `raw` of them are not configured yet. `trouble` says why none starts,
    and `lacks` what is missing, if that is why.
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
    """Which Claude Code runs. `path` and `version` are None if there is none."""

    path: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """Who is signed in and who pays, as reported by the CLI.

    `payer` is one of: plan, api key, bedrock, vertex, foundry, demo, nobody, unknown. It is nobody if the account is
    signed out, or if the settings require an API key and none is set.
    `refused` is set if Claude's API refuses credentials that a sign-in does not replace, as an API key in a variable:
    the title of that problem; `cure` says what to do.
    """

    signed_in: bool | None = None
    payer: str = "unknown"
    detail: str = ""
    method: str | None = None
    provider: str | None = None
    email: str | None = None
    organization: str | None = None
    subscription: str | None = None
    refused: str | None = None
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class SelfCheckStatus:
    """The result of the self-check of the installed Claude Code, and how requests are answered now.

    `isolation`: "warm", or "process" for one process per conversation. `cli`: the one that answers instead of the
    installed one, if any. `failed` names the failed probes; `words` explains them and their effect.
    """

    checked: bool = False
    isolation: str = "process"
    cli: str | None = None
    failed: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model to choose: `id` is used in settings and requests, `name` is shown."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """How much of a plan's limit is used: `name` as in "5 hours", `used` from 0 to 1, `resets_at` as a Unix time."""

    name: str
    used: float
    resets_at: float | None = None
    is_reached: bool = False


@dataclass(frozen=True, slots=True)
class CircuitStatus:
    """Requests for `model` (None: all) are refused with the error `title`; one is tried after `until`, a Unix time."""

    cause: Literal["sign in", "limit", "upstream"]
    model: str | None
    title: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class OllamaStatus:
    """Whether the server answers at Ollama's port: `addresses` if it does, or why it is `refused`; else it is off."""

    addresses: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """The part of `Status` that the runner knows: the server's state, its addresses, and the last refused web page."""

    state: State = State.STOPPED
    addresses: tuple[str, ...] = ()
    lan_addresses: tuple[str, ...] = ()
    base_url: str | None = None
    refused_origin: str | None = None
    ollama: OllamaStatus = field(default_factory=OllamaStatus)
    journal_trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole state of a server. `lan_addresses` are for containers and the network.

    `own_address`: variables that point at this server, which Claude Code is started without. `refused_origin`: the
    origin of the page that was refused last, for some minutes. `journal_trouble`: why the list of requests is not kept.
    """

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
    own_address: tuple[str, ...] = ()
    refused_origin: str | None = None
    ollama: OllamaStatus = field(default_factory=OllamaStatus)
    journal_trouble: str | None = None
    engine: SelfCheckStatus = field(default_factory=SelfCheckStatus)
