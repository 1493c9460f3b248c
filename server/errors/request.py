"""Errors of a request: what it says, who sent it, and how."""

from server.errors.base import DrawbridgeError


class RequestError(DrawbridgeError):
    """The request is invalid."""

    title = "Invalid request"

    def __init__(self, message: str = "", *, param: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.param = param


class InvalidRequest(RequestError):
    """A field of the request is wrong; `param` names it, as in `messages[2].content[0].type`."""


class FolderRefused(InvalidRequest):
    """The folder cannot be a project, or cannot be made or deleted."""

    title = "This folder cannot be used"


class ProjectsDenied(RequestError):
    """The request may not use projects, or may not change them. `param` names a field that asks for too much."""

    title = "This is not allowed for projects"


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


class ModelDenied(RequestError):
    """The app's key may not use the model."""

    title = "This access key may not use that model"


class AgentDenied(RequestError):
    """The request names a project, and agents may not work for its sender."""

    title = "Agents are not allowed here"


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


class KeyMissing(KeyRefused):
    """No access key was sent, and one is required."""


class KeyRevoked(KeyRefused):
    """An app's own key was sent that does not exist any more, where no key is required."""

    title = "This access key was revoked"
    hint = "Create a new key for the app, or have it send none."


class OtherUserRefused(KeyRefused):
    """Another user of this computer sent the request, without the access key."""


class KeyDenied(AccessError):
    """The app's key is right, but may not be used at this listener."""

    title = "This access key is not allowed here"
    hint = "The section Keys of the dashboard sets where a key may be used."


class AccessDenied(AccessError):
    """Host, origin, a forwarding header or a missing control token: not allowed on this listener."""

    title = "This request isn't allowed here"


class OriginRefused(AccessDenied):
    """A page of another origin sent the request. `origin` could be allowed in the settings; empty if it could not."""

    def __init__(self, message: str = "", *, origin: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.origin = origin


class HostRefused(AccessDenied):
    """The request names this server by a host name that is not allowed."""


class ProxyRefused(AccessDenied):
    """The request came through a proxy to a listener for this computer only."""


class BodyNotJson(AccessError):
    """The body has another content type than JSON, as a web page's form would send it."""

    title = "The body is not declared as JSON"
    hint = "Send the header 'Content-Type: application/json'."
