"""What the desktop knows and what it can be told: one frozen Snapshot, and commands as values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

from server.status import SignInAccount, Status

PORT_PRESETS = (8082, 8080, 11434, 4000)
POOL_SIZES = (1, 2, 3, 4, 6, 8)

App = Literal["talon", "cline", "continue", "open webui", "curl", "cursor"]


class Picture(Enum):
    """What the icon shows; the shape says it, never the colour alone."""

    RAISED = "raised"
    HALF = "half"
    LOWERED = "lowered"
    TRAFFIC = "traffic"
    WARNING = "warning"
    CROSS = "cross"


class KeyPlace(Enum):
    """Where the access key is kept. The menu says which."""

    NONE = "none"
    KEYRING = "keyring"
    FILE = "file"
    SETTINGS = "settings"


class Next(Enum):
    """What a person can do about a trouble, as a click on its line does it."""

    LOG = "open the log"
    SIGN_IN = "sign in"
    INSTALL = "install Claude Code"
    NEXT_PORT = "use the next free port"
    SETTINGS = "open the settings"
    RESTART = "start again"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something is wrong: a short title for the menu, what happened and why, what to do, and what a click does."""

    title: str
    message: str
    hint: str = ""
    next: Next = Next.LOG


@dataclass(frozen=True, slots=True)
class KeyState:
    """The access key as the menu shows it; the key itself is not here.

    `asks_for_file`: there is no keyring, and a person must first agree to a file that only this user can read.
    """

    is_required: bool = False
    place: KeyPlace = KeyPlace.NONE
    asks_for_file: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """Who can reach the server: this computer, or also containers and the network.

    `addresses` are where those find it, each with its port, as in 192.168.1.20:8082.
    """

    is_open: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the icon, its tooltip and its menu are made of.

    `pinned` names settings that a variable or flag holds, as (setting, holder): their items are greyed and say so.
    `starts_at_login` is the system's true state, None where it cannot be known. `is_signing_in`: in the browser, now.
    `checks_updates` is None where the system brings new versions itself; `new_version` is a newer one, as in "1.2".
    `now` is the local time with its zone (`datetime.now().astimezone()`); only its day and zone count, for words like
    "tomorrow at 09:00". None: days are written in full, in UTC.
    """

    status: Status = field(default_factory=Status)
    version: str = ""
    port: int = 8082
    pool_size: int = 3
    model: str = "sonnet"
    key: KeyState = field(default_factory=KeyState)
    reach: Reach = field(default_factory=Reach)
    trouble: Trouble | None = None
    pinned: tuple[tuple[str, str], ...] = ()
    starts_at_login: bool | None = False
    is_signing_in: bool = False
    payer: Literal["automatic", "plan", "api key"] = "automatic"
    has_exported_key: bool = False
    is_quitting: bool = False
    checks_updates: bool | None = False
    new_version: str = ""
    now: datetime | None = None

    @property
    def base_url(self) -> str:
        """What to paste into a client: the real address while there is one, else the one to be."""
        return self.status.base_url or f"http://127.0.0.1:{self.port}/v1"


@dataclass(frozen=True, slots=True)
class Start:
    """Lower the bridge."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Raise it; running answers may end within a bound."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Stop, then start."""


@dataclass(frozen=True, slots=True)
class SetPort:
    """Listen on this port from now on; None: the next free one."""

    port: int | None


@dataclass(frozen=True, slots=True)
class SetPoolSize:
    """So many processes at most."""

    size: int


@dataclass(frozen=True, slots=True)
class SetModel:
    """The default model; "default" is Claude Code's own."""

    model: str


@dataclass(frozen=True, slots=True)
class RequireKey:
    """Ask callers for the key, or do not. Without a key yet, one is made."""

    required: bool


@dataclass(frozen=True, slots=True)
class NewKey:
    """Make a key, or another one: the old one is refused from then on."""


@dataclass(frozen=True, slots=True)
class CopyKey:
    """The key to the clipboard."""


@dataclass(frozen=True, slots=True)
class RemoveKey:
    """Forget the key and ask for none."""


@dataclass(frozen=True, slots=True)
class AgreeToKeyFile:
    """The person agrees that the key is kept in a file, since there is no keyring."""


@dataclass(frozen=True, slots=True)
class SetReach:
    """Open a second door for containers and the network, or close it."""

    open: bool


@dataclass(frozen=True, slots=True)
class SetPayer:
    """Who shall pay: the plan, the exported API key, or as Claude Code decides by itself."""

    payer: Literal["automatic", "plan", "api key"]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Open the browser to sign in to Claude."""

    account: SignInAccount = "claudeai"


@dataclass(frozen=True, slots=True)
class SetStartAtLogin:
    """Start with the computer, or do not."""

    on: bool


@dataclass(frozen=True, slots=True)
class SetCheckUpdates:
    """Ask the project once a day whether there is a newer version, or do not."""

    on: bool


@dataclass(frozen=True, slots=True)
class Copy:
    """To the clipboard: the base URL, the text for an app, or the diagnostics."""

    what: Literal["base url", "diagnostics"] | App


@dataclass(frozen=True, slots=True)
class CopyAddress:
    """To the clipboard: one of `Reach.addresses`, written as the base URL that it stands for."""

    base_url: str


@dataclass(frozen=True, slots=True)
class Open:
    """Open in the desktop: the log folder, the settings file, the page, or a page of the project or of Claude Code."""

    what: Literal["log folder", "settings", "page", "install page", "project page", "release page"]


@dataclass(frozen=True, slots=True)
class ActOnTrouble:
    """What a click on the problem line does: its `Trouble.next`."""


@dataclass(frozen=True, slots=True)
class Quit:
    """End the app; running answers may end within a bound."""


Command = (
    Start
    | Stop
    | Restart
    | SetPort
    | SetPoolSize
    | SetModel
    | RequireKey
    | NewKey
    | CopyKey
    | RemoveKey
    | AgreeToKeyFile
    | SetReach
    | SetPayer
    | SignIn
    | SetStartAtLogin
    | SetCheckUpdates
    | Copy
    | CopyAddress
    | Open
    | ActOnTrouble
    | Quit
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification: a title, a text, and what a click on it does."""

    title: str
    text: str
    action: Command | None = None
