"""What a user can tell the app to do: one frozen value for each command."""

from dataclasses import dataclass
from typing import Literal

from server.connect.clients import ClientName
from server.status import ContentsWish, SignInAccount


@dataclass(frozen=True, slots=True)
class Start:
    """Start the server."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the server after a grace period for running answers."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Stop the server, then start it."""


@dataclass(frozen=True, slots=True)
class ChangeSetting:
    """Change a setting that needs nothing but its new value: apply it, then write it to the settings file."""

    name: Literal[
        "pool_size", "model", "payer", "check_updates", "ollama_port", "on_extra_usage", "contents_days", "computer_use"
    ]
    value: object


@dataclass(frozen=True, slots=True)
class SetPort:
    """Listen on this port; None: on the next free one."""

    port: int | None


@dataclass(frozen=True, slots=True)
class AllowOrigin:
    """Let the web pages of this origin use the server."""

    origin: str


@dataclass(frozen=True, slots=True)
class RequireKey:
    """Require the access key of every client, or do not. Creates a key if there is none."""

    required: bool


@dataclass(frozen=True, slots=True)
class NewKey:
    """Create an access key, or replace it; the old one stops working."""


@dataclass(frozen=True, slots=True)
class CopyKey:
    """Copy the access key."""


@dataclass(frozen=True, slots=True)
class RemoveKey:
    """Delete the access key and require none."""


@dataclass(frozen=True, slots=True)
class AllowKeyFile:
    """The user agrees to store the access key in a private file, since no keyring was found."""


@dataclass(frozen=True, slots=True)
class SetReach:
    """Let other devices connect, which need the access key, or only this computer."""

    open: bool


@dataclass(frozen=True, slots=True)
class SignIn:
    """Sign in to Claude in the browser; a sign-in that still waits is cancelled."""

    account: SignInAccount = "claudeai"


@dataclass(frozen=True, slots=True)
class CancelSignIn:
    """Cancel the sign-in that waits for the browser."""


@dataclass(frozen=True, slots=True)
class AppKey:
    """Create a key for the app `name`, or revoke the one of this name."""

    action: Literal["create", "revoke"]
    name: str


@dataclass(frozen=True, slots=True)
class KeepContents:
    """Keep the contents of requests, stop that, or forget what is kept."""

    wish: ContentsWish


@dataclass(frozen=True, slots=True)
class AllowExtraUsage:
    """Go on with paid extra usage until the plan resets, although the settings say to stop; or stop again."""

    is_allowed: bool = True


@dataclass(frozen=True, slots=True)
class OpenTunnel:
    """Open a tunnel to the internet by this provider."""

    provider: str


@dataclass(frozen=True, slots=True)
class CloseTunnel:
    """Close the tunnel."""


@dataclass(frozen=True, slots=True)
class StartComputerUse:
    """Let Claude use the desktop for the time of the settings."""


@dataclass(frozen=True, slots=True)
class StopComputerUse:
    """End Claude's use of the desktop at once."""


@dataclass(frozen=True, slots=True)
class AnswerComputerUse:
    """Let Claude do what it asks for, or use that window until the session ends, or refuse it."""

    question_id: str
    decision: Literal["once", "conversation", "refuse"]


@dataclass(frozen=True, slots=True)
class SetStartAtLogin:
    """Start with the user's next login, or do not."""

    on: bool


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy the base URL, the lines to paste into a client, or the diagnostics."""

    what: Literal["base url", "diagnostics"] | ClientName


@dataclass(frozen=True, slots=True)
class CopyAddress:
    """Copy the base URL for other devices."""

    base_url: str


@dataclass(frozen=True, slots=True)
class Open:
    """Open the log folder, the settings file, the dashboard or a part of it, or a page on the web."""

    what: Literal[
        "log folder",
        "settings",
        "page",
        "question",
        "connect",
        "settings page",
        "install page",
        "project page",
        "release page",
    ]


@dataclass(frozen=True, slots=True)
class ActOnProblem:
    """Do what helps with the current problem: its `Problem.fix`. Nothing if it has another `title` by now."""

    title: str = ""


@dataclass(frozen=True, slots=True)
class Quit:
    """Quit the app after a grace period for running answers; a second time: now."""


Command = (
    Start
    | Stop
    | Restart
    | ChangeSetting
    | SetPort
    | AllowOrigin
    | RequireKey
    | NewKey
    | CopyKey
    | RemoveKey
    | AllowKeyFile
    | SetReach
    | SignIn
    | CancelSignIn
    | AllowExtraUsage
    | AppKey
    | KeepContents
    | OpenTunnel
    | CloseTunnel
    | StartComputerUse
    | StopComputerUse
    | AnswerComputerUse
    | SetStartAtLogin
    | Copy
    | CopyAddress
    | Open
    | ActOnProblem
    | Quit
)
