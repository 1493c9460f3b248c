"""Errors of what is asked over the network: Claude's API, and another endpoint for embeddings."""

from server.errors.base import DrawbridgeError


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


class ExtraUsageStopped(UsageLimit):
    """The plan is used up, and the settings refuse requests that would be billed as extra usage."""

    title = "Stopped before paid extra usage"
    hint = "To go on and pay, choose that in Drawbridge's menu, or run 'drawbridge extra-usage --go-on'."


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
