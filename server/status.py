"""The server's status: frozen values shown by `/health`, `drawbridge status`, the page and the tray."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from server.errors import TunnelTrouble

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
class WorkerStatus:
    """One Claude Code process: booting, raw, answering, parked or closing, `since` a Unix time."""

    number: int
    state: str
    since: float


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
    workers: tuple[WorkerStatus, ...] = ()


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
    """A model to choose: `id` is used in settings and requests, `name` is shown, `resolved` is its full id."""

    id: str
    name: str
    resolved: str = ""


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """How much of a plan's limit is used: `name` as in "5 hours", `used` from 0 to 1, `resets_at` as a Unix time."""

    name: str
    used: float
    resets_at: float | None = None
    is_reached: bool = False


ExtraUsageState = Literal["off", "not in use", "in use", "at its limit"]


@dataclass(frozen=True, slots=True)
class ExtraUsageStatus:
    """Paid extra usage, which answers while the plan is used up. `resets_at`: when the plan pays again, if known.

    `is_stopped`: it would answer, but the settings refuse requests until then. `is_allowed`: the settings would,
    but the user has allowed it.
    """

    state: ExtraUsageState = "off"
    resets_at: float | None = None
    is_near_limit: bool = False
    is_stopped: bool = False
    is_allowed: bool = False


@dataclass(frozen=True, slots=True)
class CircuitStatus:
    """Requests for `model` (None: all) are refused with the error `title`; one is tried after `until`, a Unix time."""

    cause: Literal["sign in", "limit", "upstream"]
    model: str | None
    title: str
    since: float
    until: float


ContentsWish = Literal["15 minutes", "until stopped", "stop", "forget"]


@dataclass(frozen=True, slots=True)
class ContentsStatus:
    """Whether the contents of requests are kept: `until` a Unix time, or until that is stopped (None).

    `has_kept`: some are. `days`: for how many days the disk keeps them too; 0: it does not. `trouble`: why it cannot.
    """

    is_on: bool = False
    until: float | None = None
    has_kept: bool = False
    days: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class OllamaStatus:
    """Whether the server answers at Ollama's port: `addresses` if it does, or why it is `refused`; else it is off."""

    addresses: tuple[str, ...] = ()
    refused: str | None = None


TunnelState = Literal["off", "opening", "open", "lost", "failed"]


@dataclass(frozen=True, slots=True)
class TunnelStatus:
    """The tunnel to the internet, by which servers such as Cursor's reach this one. Times are Unix times.

    `url` is its public address, `former_url` the one that it had before in this run, if it has changed, `port` the one
    on this computer that it leads to. `reader`: who can read the requests on their way; empty if no one can.
    `problem` says why it is not open, `kind` in one word; `command` and `link` are what to run or open then.
    `closed_after_hours`: it was closed because no request came for so long.
    """

    state: TunnelState = "off"
    provider: str = ""
    title: str = ""
    url: str = ""
    former_url: str = ""
    reader: str = ""
    keeps_name: bool = False
    port: int | None = None
    opened_at: float | None = None
    used_at: float | None = None
    kind: TunnelTrouble | None = None
    problem: str | None = None
    hint: str = ""
    command: str = ""
    link: str = ""
    next_try_at: float | None = None
    closed_after_hours: float | None = None

    @property
    def base_url(self) -> str:
        """The base URL for clients; empty if the tunnel is not open."""
        return f"{self.url}/v1" if self.state == "open" else ""


@dataclass(frozen=True, slots=True)
class ApprovalsStatus:
    """How many questions of agents wait for the user, and which one waits longest: its id, tool and project."""

    waiting: int = 0
    id: str = ""
    tool: str = ""
    project: str = ""


ComputerResult = Literal["done", "refused", "stopped"]


@dataclass(frozen=True, slots=True)
class ComputerAction:
    """An action of Claude on the desktop in words, without any text that was typed."""

    words: str
    result: ComputerResult


@dataclass(frozen=True, slots=True)
class ComputerQuestion:
    """What Claude asks before it uses a window: the id of the question, and the question as a sentence."""

    id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ComputerStatus:
    """Whether Claude may use the desktop now, and until when, as a Unix time.

    `question`: what it asks now, which is one of `ApprovalsStatus` too.
    `actions`: the last ones of this session, or of the one that has ended, the oldest first. `ended`: why the last
    session ended, as a sentence; empty while one runs and before the first one.
    """

    is_on: bool = False
    ends_at: float | None = None
    actions: tuple[ComputerAction, ...] = ()
    ended: str = ""
    question: ComputerQuestion | None = None

    def remaining_s(self, now: float) -> float:
        """The seconds until the time limit at the Unix time `now`; 0 without a session."""
        return max(0.0, self.ends_at - now) if self.is_on and self.ends_at is not None else 0.0


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
    contents: ContentsStatus = field(default_factory=ContentsStatus)
    sessions_trouble: str | None = None
    tunnel: TunnelStatus = field(default_factory=TunnelStatus)

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """Every address that leads to this server, as in 127.0.0.1:8082."""
        name = self.tunnel.url.removeprefix("https://")
        public = (name if ":" in name else f"{name}:443",) if name else ()
        return (*self.addresses, *self.lan_addresses, *public)


@dataclass(frozen=True, slots=True)
class Status:
    """The whole state of a server. `lan_addresses` are for containers and the network.

    `own_address`: variables that point at this server, which Claude Code is started without. `refused_origin`: the
    origin of the page that was refused last, for some minutes. `extra_usage`: None before the first answer of a plan.
    `journal_trouble`: why the list of requests is not kept. `sessions_trouble`: why sessions are only in memory.
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
    extra_usage: ExtraUsageStatus | None = None
    circuits: tuple[CircuitStatus, ...] = ()
    own_address: tuple[str, ...] = ()
    refused_origin: str | None = None
    ollama: OllamaStatus = field(default_factory=OllamaStatus)
    tunnel: TunnelStatus = field(default_factory=TunnelStatus)
    journal_trouble: str | None = None
    contents: ContentsStatus = field(default_factory=ContentsStatus)
    sessions_trouble: str | None = None
    approvals: ApprovalsStatus = field(default_factory=ApprovalsStatus)
    computer: ComputerStatus = field(default_factory=ComputerStatus)
    engine: SelfCheckStatus = field(default_factory=SelfCheckStatus)
