"""What the desktop shows: one frozen `Snapshot` and the values in it, and notifications."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

from server.config import IconColour, OnExtraUsage
from server.status import SignInAccount, Status
from tray.commands import Command

PORT_PRESETS = (8082, 8080, 11434, 4000)
POOL_SIZES = (1, 2, 3, 4, 6, 8)


class Picture(Enum):
    """What the icon shows. The pictures differ in shape, not only in colour."""

    RAISED = "raised"
    HALF = "half"
    LOWERED = "lowered"
    TRAFFIC = "traffic"
    PUBLIC = "public"
    PUBLIC_TRAFFIC = "public traffic"
    POINTER = "pointer"
    WARNING = "warning"
    CROSS = "cross"


class KeyPlace(Enum):
    """Where the access key is stored."""

    NONE = "none"
    KEYRING = "keyring"
    FILE = "file"
    SETTINGS = "settings"


class Fix(Enum):
    """What a click on a problem's line does."""

    LOG = "open the log"
    SIGN_IN = "sign in"
    INSTALL = "install Claude Code"
    NEXT_PORT = "use the next free port"
    SETTINGS = "open the settings"
    RESTART = "start again"
    ALLOW_ORIGIN = "allow the page's origin"
    PLAN = "let the plan pay"
    EXTRA_USAGE = "go on with paid extra usage"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something is wrong: a short title for the menu, what happened, what to do about it, and what a click does.

    `subject` is what the fix applies to, such as the origin to allow.
    """

    title: str
    message: str
    hint: str = ""
    fix: Fix = Fix.LOG
    subject: str = ""


@dataclass(frozen=True, slots=True)
class KeyState:
    """The state of the access key, without the key itself.

    `is_required`: apps on this computer must send it; other devices always must. `is_fixed`: that cannot be changed,
    since others can reach the same address. `asks_for_file`: no keyring was found, and the user has not yet agreed to
    store the key in a private file.
    """

    is_required: bool = False
    place: KeyPlace = KeyPlace.NONE
    asks_for_file: bool = False
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class ReachState:
    """Whether other devices can connect, and at which addresses with ports, as in 192.168.1.20:8082."""

    is_open: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the icon, its tooltip and its menu are made from.

    `pinned`: settings fixed by a variable or flag, as (setting, its source); the menu disables them.
    `starts_at_login`: the system's own state; None if it is not available here.
    `checks_updates`: None if there is no update check here; `no_update_check` says why. `new_version`: a newer one, as
    in "1.2".
    `ollama_port`: the second port, for apps that only know Ollama; 0: none.
    `is_moved`: the server listens on another port than `port`, which was taken at its start.
    `app_keys`: the names of the keys of apps.
    `computer_minutes`: how long Claude may use the desktop; `computer_minutes_left`: of the session that runs.
    `signing_in`: the account whose sign-in waits for the browser.
    `now`: midnight of the current day in local time, for phrases like "tomorrow at 09:00"; with None times are
    written in full, in UTC.
    """

    status: Status = field(default_factory=Status)
    version: str = ""
    port: int = 8082
    pool_size: int = 3
    model: str = "sonnet"
    key: KeyState = field(default_factory=KeyState)
    reach: ReachState = field(default_factory=ReachState)
    ollama_port: int = 0
    problem: Problem | None = None
    pinned: tuple[tuple[str, str], ...] = ()
    starts_at_login: bool | None = False
    signing_in: SignInAccount | None = None
    app_keys: tuple[str, ...] = ()
    payer: Literal["automatic", "plan", "api key"] = "automatic"
    has_exported_key: bool = False
    on_extra_usage: OnExtraUsage = "go on"
    contents_days: int = 0
    tunnel_host: str | None = None
    computer_use: bool = False
    computer_minutes: float = 10.0
    computer_minutes_left: int = 0
    is_quitting: bool = False
    is_moved: bool = False
    checks_updates: bool | None = False
    no_update_check: str = ""
    new_version: str = ""
    has_project_page: bool = True
    icon: IconColour = "auto"
    now: datetime | None = None

    @property
    def base_url(self) -> str:
        """The server's base URL; while it is down, the one it would get from the settings."""
        return self.status.base_url or f"http://127.0.0.1:{self.port}/v1"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification: a title, a text, the command that a click on it posts, and a button's label for it."""

    title: str
    text: str
    action: Command | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Every action has a label: some desktops show it as a button."""
        assert (self.action is None) == (not self.label), self.title
