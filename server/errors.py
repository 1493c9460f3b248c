"""Everything that can go wrong, as a tree of errors fit to be shown to a person.

    DrawbridgeError                 title, message, hint
    +-- RequestError                the caller's request cannot be answered as it is written
    |   +-- InvalidRequest          a field is wrong; `param` names it
    |   +-- PromptTooLong           the conversation does not fit the model's window
    |   +-- ModelUnknown            no such model, and strict model names are asked for
    |   +-- BodyTooLarge
    |   +-- NotBuilt                an endpoint that exists at OpenAI but not here yet
    |   +-- NotFound             an unknown path or id
    |   +-- MethodNotAllowed
    +-- AccessError                   refused before anything was read
    |   +-- KeyRefused              a key is required, and the one given is missing or wrong
    |   +-- AccessDenied              host, origin, forwarding headers or a control token
    |   +-- BodyNotJson             the body is not declared as JSON
    +-- BusyError                   `retry_after_s`
    |   +-- QueueFull
    |   +-- QueueTimeout
    |   +-- ShuttingDown
    +-- EngineError                 Claude Code on this computer
    |   +-- CliMissing
    |   |   +-- CliMisnamed         the one that the settings name is not there
    |   +-- CliFailed               it is there and does not start
    |   +-- CliUnfit                it runs, and the self-check saw that its answers would be wrong
    |   +-- WorkerDied              a process ended while it answered
    |   +-- WorkerSilent            nothing came for longer than the time-out
    |   +-- AnswerCut               the answer broke off; it must not be taken for a whole one
    |   +-- UnexpectedOutput          it said something that we do not understand
    +-- UpstreamError               Claude's API said no; `status` is what it said
    |   +-- UpstreamRefused         400 and other refusals of the request
    |   +-- SignInNeeded            401
    |   +-- PermissionRefused       403
    |   +-- UpstreamUnknown         404
    |   +-- UsageLimit              429, `retry_after_s`
    |   +-- UpstreamDown            5xx, 529, or no connection
    +-- KeyringError                the keyring of this computer
    |   +-- KeyringLocked           it waits for a password, or does not answer
    |   +-- KeyringMissing          there is none, or it cannot be used
    +-- StartError                  the server cannot start
        +-- PortTaken
        +-- SettingsInvalid
        |   +-- SettingsCorrupt     the settings file is no TOML
        +-- KeyNeeded               a door to others without a key
        +-- KeyUnreadable           the stored key is required and cannot be had
        +-- AlreadyRunning          another server has the same data folder

Classes differ where a caller acts differently. Nothing here knows HTTP: each dialect's `problems` gives the status.
"""

from copy import copy
from typing import Self


class DrawbridgeError(Exception):
    """An error with a title, a message that says what happened and why, and a hint that says what to do."""

    title = "Something went wrong"
    hint = ""

    def __init__(self, message: str = "", *, hint: str | None = None, title: str | None = None) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        if hint is not None:
            self.hint = hint
        if title is not None:
            self.title = title

    def __str__(self) -> str:
        """The message and, if there is one, the hint: what goes into a reply or a log line."""
        if not self.hint:
            return self.message
        stop = "" if self.message.endswith((".", "!", "?", ":")) else "."
        return f"{self.message}{stop} {self.hint}"

    def fresh(self) -> Self:
        """A copy without a traceback: one exception raised in several tasks mixes up their tracebacks."""
        return copy(self)


class RequestError(DrawbridgeError):
    """The caller's request cannot be answered as it is written."""

    title = "The request cannot be answered as it is"

    def __init__(
        self, message: str = "", *, param: str | None = None, hint: str | None = None, title: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, title=title)
        self.param = param


class InvalidRequest(RequestError):
    """A field of the request is wrong; `param` names it, as in `messages[2].content[0].type`."""


class PromptTooLong(RequestError):
    """The conversation is longer than the model's context window."""

    title = "The conversation is too long for this model"
    hint = "Start a new conversation, or leave out some of its older messages."


class ModelUnknown(RequestError):
    """No such model, and strict model names are asked for."""

    title = "There is no such model"


class BodyTooLarge(RequestError):
    """The request body is over the limit."""

    title = "The request is too large"


class NotBuilt(RequestError):
    """An endpoint of OpenAI's that Drawbridge does not have yet."""

    title = "This endpoint is not built yet"


class NotFound(RequestError):
    """An unknown path or id."""

    title = "There is nothing here"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    title = "This path does not answer that method"


class AccessError(DrawbridgeError):
    """Refused at the door, before anything of the body was read."""


class KeyRefused(AccessError):
    """An access key is required, and the one given is missing or wrong."""

    title = "An access key is required"
    hint = "Send Drawbridge's access key as 'Authorization: Bearer <key>'."


class AccessDenied(AccessError):
    """Host, origin, a forwarding header or a missing control token: not allowed on this listener."""

    title = "This door is closed to that request"


class BodyNotJson(AccessError):
    """A body comes with another content type than JSON, as a web page's form would send it."""

    title = "The body is not declared as JSON"
    hint = "Send the header 'Content-Type: application/json'."


class BusyError(DrawbridgeError):
    """Everything is in use; `retry_after_s` says when it is worth trying again."""

    def __init__(self, message: str = "", *, retry_after_s: float = 1.0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class QueueFull(BusyError):
    """As many requests as may wait are waiting already."""

    title = "Too many requests are waiting"
    hint = "Try again in a moment, or raise the pool size."


class QueueTimeout(BusyError):
    """No worker became free within the queue's time-out."""

    title = "No Claude process became free in time"
    hint = "Try again in a moment, or raise the pool size."


class ShuttingDown(BusyError):
    """The server is stopping and takes no new requests."""

    title = "Drawbridge is stopping"
    hint = "Start it again, then repeat the request."


class EngineError(DrawbridgeError):
    """Claude Code on this computer failed."""


class CliMissing(EngineError):
    """There is no Claude Code to run."""

    title = "Claude Code was not found"
    hint = "Install it from https://claude.com/claude-code, or name it with --cli-path (CLAUDE_CLI_PATH)."


class CliMisnamed(CliMissing):
    """The Claude Code that the settings name cannot be run: to install another one does not mend it."""


class CliFailed(EngineError):
    """Claude Code is there but does not start."""

    title = "Claude Code did not start"
    hint = "Run 'drawbridge doctor' to see what it says."


class CliUnfit(EngineError):
    """Claude Code runs, but does not do what a right answer needs; the self-check saw it."""

    title = "This Claude Code cannot be used"
    hint = (
        "Install another version of it, or name one with --cli-path (CLAUDE_CLI_PATH); 'drawbridge doctor' says more."
    )


class WorkerDied(EngineError):
    """A Claude Code process ended while it answered."""

    title = "The Claude Code process ended while it answered"
    hint = "Send the request again."


class WorkerSilent(EngineError):
    """Nothing came from Claude for longer than the time-out."""

    title = "Claude sent nothing for too long"
    hint = "Send the request again, or allow more time with --timeout (CLAUDE_TIMEOUT)."


class AnswerCut(EngineError):
    """The answer broke off in the middle: what came so far must not be taken for a whole answer."""

    title = "The answer broke off before its end"
    hint = "Send the request again."


class UnexpectedOutput(EngineError):
    """Claude Code said something that we do not understand."""

    title = "Claude Code said something unexpected"
    hint = "Send the request again; if it stays so, run 'drawbridge doctor'."


class UpstreamError(DrawbridgeError):
    """Claude's API said no. `status` is the HTTP status it gave, None when there was no connection at all."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after_s = retry_after_s


class UpstreamRefused(UpstreamError):
    """Claude's API refused the request as it is; sending it again changes nothing."""

    title = "Claude refused the request"


class SignInNeeded(UpstreamError):
    """Nobody is signed in to Claude, or the sign-in has expired."""

    title = "Claude Code is not signed in"
    hint = "Run 'drawbridge login', then send the request again."


class PermissionRefused(UpstreamError):
    """The account may not do this."""

    title = "This Claude account may not do that"
    hint = "Run 'drawbridge doctor' to see which account is in use."


class UpstreamUnknown(UpstreamError):
    """Claude's API does not know the model (or the path)."""

    title = "Claude does not know this model"
    hint = "GET /v1/models lists the models of this account."


class UsageLimit(UpstreamError):
    """The account's usage limit or rate limit is reached. `resets_at`: the Unix time of its end, if that is known."""

    title = "Claude's usage limit is reached"

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        resets_at: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, status=status, retry_after_s=retry_after_s, hint=hint)
        self.resets_at = resets_at


class UpstreamDown(UpstreamError):
    """Claude's API failed, is overloaded, or cannot be reached."""

    title = "Claude's API did not answer properly"
    hint = "Send the request again in a moment."


class KeyringError(DrawbridgeError):
    """The keyring of this computer does not give or take the access key."""


class KeyringLocked(KeyringError):
    """The keyring is locked, or somebody is asked for its password right now."""

    title = "The keyring is locked"
    hint = "Unlock it, then try again."


class KeyringMissing(KeyringError):
    """There is no keyring, or none that can be used."""

    title = "There is no keyring to use"
    hint = "The key can be kept in a file that only this user can read, or given as DRAWBRIDGE_API_KEY."


class StartError(DrawbridgeError):
    """The server cannot start."""

    title = "Drawbridge cannot start"


class PortTaken(StartError):
    """Another program listens on the port."""

    title = "The port is taken"


class SettingsInvalid(StartError):
    """A setting has a value that cannot be used."""

    title = "A setting cannot be used"


class SettingsCorrupt(SettingsInvalid):
    """The settings file is not TOML."""

    title = "The settings file cannot be read"


class KeyNeeded(StartError):
    """A listener that others can reach must have an access key."""

    title = "An access key is needed"


class KeyUnreadable(StartError):
    """The settings require the stored access key, and it cannot be read."""

    title = "The required access key cannot be read"


class AlreadyRunning(StartError):
    """Another server has the same data folder."""

    title = "Drawbridge is running already"
