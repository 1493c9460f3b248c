"""All our errors, each with a title, a message and a hint that can be shown to the user.

Classes differ where a caller acts differently. HTTP statuses are the dialects' business.
"""

from copy import copy
from typing import Self


class DrawbridgeError(Exception):
    """An error with a title, a message (what happened and why) and a hint (what to do)."""

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
        """Returns the message and the hint, as shown in replies and log lines."""
        if not self.hint:
            return self.message
        stop = "" if self.message.endswith((".", "!", "?", ":")) else "."
        return f"{self.message}{stop} {self.hint}"

    def fresh(self) -> Self:
        """A copy without a traceback: one exception raised in several tasks mixes up their tracebacks."""
        return copy(self)


class RequestError(DrawbridgeError):
    """The request is invalid."""

    title = "Invalid request"

    def __init__(self, message: str = "", *, param: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.param = param


class InvalidRequest(RequestError):
    """A field of the request is wrong; `param` names it, as in `messages[2].content[0].type`."""


class ResponseUnknown(InvalidRequest):
    """The request continues a response that is not stored."""

    title = "Unknown response"


class OwnRequest(RequestError):
    """One of our Claude Code processes sent its request to this server."""

    title = "Drawbridge does not answer its own Claude Code"
    hint = "Check ANTHROPIC_BASE_URL and the proxy variables: one of them leads to Drawbridge itself."


class PromptTooLong(RequestError):
    """The conversation is longer than the model's context window."""

    title = "The conversation is too long for this model"
    hint = "Start a new conversation, or leave out older messages."


class ModelUnknown(RequestError):
    """Unknown model, and strict model names are configured."""

    title = "Unknown model"


class BodyTooLarge(RequestError):
    """The request body is over the limit."""

    title = "The request is too large"


class BodyTooSlow(RequestError):
    """The request body stopped arriving."""

    title = "The request did not arrive in time"


class BodyAmbiguous(RequestError):
    """The length of the body is given twice, so a proxy may see its end elsewhere."""

    title = "The length of the body is ambiguous"
    hint = "Send either Content-Length or Transfer-Encoding."


class NotBuilt(RequestError):
    """An endpoint of another server that Drawbridge does not have."""

    title = "This endpoint is not available"


class EmbeddingsMissing(RequestError):
    """The local model for embeddings is not installed."""

    title = "Embeddings are not installed"


class NotFound(RequestError):
    """An unknown path or id."""

    title = "Not found"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    title = "Method not allowed"


class UpgradeRefused(RequestError):
    """A WebSocket. Clients that try one first use HTTP after this error."""

    title = "WebSocket is not supported"
    hint = "Send the request with POST."


class AccessError(DrawbridgeError):
    """Refused before the body was read."""


class KeyRefused(AccessError):
    """The required access key is missing or wrong."""

    title = "An access key is required"
    hint = "Send Drawbridge's access key as 'Authorization: Bearer <key>'."


class AccessDenied(AccessError):
    """Host, origin, a forwarding header or a missing control token: not allowed on this listener."""

    title = "This request isn't allowed here"


class OriginRefused(AccessDenied):
    """A page of another origin sent the request. `origin` could be allowed in the settings; empty if it could not."""

    def __init__(self, message: str = "", *, origin: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.origin = origin


class BodyNotJson(AccessError):
    """The body has another content type than JSON, as a web page's form would send it."""

    title = "The body is not declared as JSON"
    hint = "Send the header 'Content-Type: application/json'."


class BusyError(DrawbridgeError):
    """All workers are in use; `retry_after_s`: when to try again, if known. Never a guess: clients wait that long."""

    def __init__(self, message: str = "", *, retry_after_s: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class QueueFull(BusyError):
    """The queue is full."""

    title = "Too many requests are waiting"
    hint = "Try again in a moment, or allow more answers at once (--pool-size)."


class QueueTimeout(BusyError):
    """No worker became free within the queue timeout."""

    title = "No Claude process became free in time"
    hint = "Try again in a moment, or allow more answers at once (--pool-size)."


class ShuttingDown(BusyError):
    """The server is stopping and takes no new requests."""

    title = "Drawbridge is stopping"
    hint = "Start it again, then send the request again."


class EngineError(DrawbridgeError):
    """Claude Code on this computer failed."""


class CliMissing(EngineError):
    """No Claude Code is installed."""

    title = "Claude Code was not found"
    hint = "Install it from https://claude.com/claude-code, or name it with --cli-path (CLAUDE_CLI_PATH)."


class CliMisnamed(CliMissing):
    """The Claude Code named in the settings cannot be run; installing another one does not help."""

    hint = "Correct --cli-path (CLAUDE_CLI_PATH), or leave it out to let Drawbridge look for it."


class CliFailed(EngineError):
    """Claude Code is installed but does not start."""

    title = "Claude Code did not start"
    hint = "Run 'drawbridge doctor' to see why."


class CliUnfit(EngineError):
    """Claude Code runs, but the self-check found that its answers would be wrong."""

    title = "This Claude Code cannot be used"
    hint = "Install another version, or name one with --cli-path (CLAUDE_CLI_PATH). 'drawbridge doctor' says more."


class WorkerDied(EngineError):
    """A Claude Code process ended while it answered."""

    title = "The Claude Code process ended while it answered"
    hint = "Send the request again."


class WorkerSilent(EngineError):
    """The timeout passed without output from Claude."""

    title = "Claude sent nothing within the timeout"
    hint = "Send the request again, or allow more time with --timeout (CLAUDE_TIMEOUT)."


class AnswerCut(EngineError):
    """The answer is incomplete: what was received must not be treated as a whole answer."""

    title = "The answer ended early"
    hint = "Send the request again."


class UnexpectedOutput(EngineError):
    """Claude Code wrote something that we do not understand."""

    title = "Unexpected output from Claude Code"
    hint = "Send the request again; if that does not help, run 'drawbridge doctor'."


class UpstreamError(DrawbridgeError):
    """Claude's API refused. `status`: None without a connection. `resets_at`: when a usage limit ends, as Unix time."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        resets_at: float | None = None,
        hint: str | None = None,
        title: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, title=title)
        self.status = status
        self.retry_after_s = retry_after_s
        self.resets_at = resets_at


class UpstreamRefused(UpstreamError):
    """Claude's API refused the request; sending it again changes nothing."""

    title = "Claude refused the request"


class SignInNeeded(UpstreamError):
    """Not signed in to Claude, or the sign-in has expired."""

    title = "Claude Code is not signed in"
    hint = "Run 'drawbridge login', then send the request again."


class CredentialsRefused(SignInNeeded):
    """Claude's API refused credentials that a sign-in does not replace, as an API key in a variable."""

    title = "Claude refused the credentials"
    hint = "Run 'drawbridge doctor' to see which account is in use."


class PermissionRefused(UpstreamError):
    """The account lacks a permission."""

    title = "This Claude account is not allowed to do that"
    hint = "Run 'drawbridge doctor' to see which account is in use."


class UpstreamUnknown(UpstreamError):
    """Claude's API does not know the model (or the path)."""

    title = "Claude does not know this model"
    hint = "GET /v1/models lists the models of this account."


class UsageLimit(UpstreamError):
    """The usage limit is reached."""

    title = "Claude's usage limit is reached"


class RateLimit(UsageLimit):
    """A limit without an end, as the API's own limits per minute; a plan's limit names its end."""

    title = "Claude is limiting requests"
    hint = "Send the request again in a moment."


class UpstreamDown(UpstreamError):
    """Claude's API failed, is overloaded, or cannot be reached."""

    title = "Claude's API failed"
    hint = "Send the request again in a moment."


class EndpointFailed(DrawbridgeError):
    """The endpoint that the settings name for embeddings cannot be reached, or sends no embeddings."""

    title = "The endpoint for embeddings failed"
    hint = "Check the setting embeddings_url, and whether that server runs."


class EndpointRefused(DrawbridgeError):
    """The endpoint for embeddings refused a request that was translated for it; `status` is its HTTP status."""

    title = "The endpoint for embeddings refused the request"

    def __init__(self, message: str = "", *, status: int = 502) -> None:
        super().__init__(message)
        self.status = status


class KeyringError(DrawbridgeError):
    """The keyring of this computer cannot read or store the access key."""


class KeyringLocked(KeyringError):
    """The keyring is locked, or is waiting for the user to enter its password."""

    title = "The keyring is locked"
    hint = "Unlock it, then try again."


class KeyringAsking(KeyringLocked):
    """The keyring's password window is open, or the keyring does not answer."""

    title = "The keyring is waiting for its password"
    hint = "Enter it in the keyring's window."


class KeyringMissing(KeyringError):
    """There is no usable keyring."""

    title = "No keyring found"
    hint = "Store the key in a private file, or set DRAWBRIDGE_API_KEY."


class StartError(DrawbridgeError):
    """The server cannot start."""

    title = "Drawbridge cannot start"


class PortTaken(StartError):
    """Another program listens on the port."""

    title = "The port is taken"


class SettingsInvalid(StartError):
    """A setting has an invalid value."""

    title = "A setting is invalid"


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
    """Another server uses the same data folder."""

    title = "Drawbridge is already running"
