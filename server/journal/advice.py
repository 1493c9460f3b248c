"""What helps against the error of a request, by the error's class alone: nothing of a request is kept for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from server import errors
from server.journal.record import Record

_MANUAL = "/manual/"


@dataclass(frozen=True, slots=True)
class Advice:
    """`text`: what to do, empty if nothing is known. `page`: the manual's page about it, if there is one."""

    text: str = ""
    page: str | None = None


# What to do where the class itself has no hint, because the error's message says it and is not kept.
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "RequestError": "The app's own error message says what is wrong with the request.",
        "InvalidRequest": "The app's own error message names what is wrong with this field.",
        "ResponseUnknown": "Have the app start a new conversation: responses are kept for a day, and beyond a restart"
        " only with the setting sessions on 'disk'.",
        "ModelUnknown": "Choose one of the models that GET /v1/models lists, or switch the setting strict_models off.",
        "BodyTooLarge": "Send smaller pictures or files, or fewer of them.",
        "BodyTooSlow": "Check the network between the app and Drawbridge, then send it again.",
        "NotBuilt": "Drawbridge has no such endpoint. The manual lists those that it has.",
        "NotFound": "Check the base URL in the app's settings: it ends with /v1 for OpenAI's API.",
        "MethodNotAllowed": "Check the base URL in the app's settings: it ends with /v1 for OpenAI's API.",
        "EmbeddingsMissing": "Install the model for embeddings, or name another endpoint in the settings.",
        "AccessError": "Check the address and the access key in the app's settings.",
        "KeyRefused": "Copy the access key again and paste it into the app's settings.",
        "OriginRefused": "If you trust this page, add its origin to the setting allowed_origins.",
        "BodyNotJson": "The app must send JSON, with the header Content-Type: application/json.",
        "BusyError": "Send the request again in a moment.",
        "EngineError": "Run 'drawbridge doctor' to see what is wrong.",
        "UpstreamError": "Send the request again in a moment.",
        "UpstreamRefused": "The app's own error message has Claude's reason.",
        "UsageLimit": "Wait until the limit resets, or choose another model or account.",
        "EndpointRefused": "Check the setting embeddings_url, and the model that the app asks for.",
        "DrawbridgeError": "This is a bug in Drawbridge. Its log has more, under the request's id.",
    }
)
_OTHERWISE = "Drawbridge's log has more, under the request's id."
_PAGES: Mapping[str, str] = MappingProxyType(
    {
        "NotBuilt": "api",
        "NotFound": "clients",
        "MethodNotAllowed": "clients",
        "InvalidRequest": "api",
        "ModelUnknown": "api",
        "UpstreamUnknown": "api",
        "EmbeddingsMissing": "embeddings",
        "EndpointFailed": "embeddings",
        "EndpointRefused": "embeddings",
        "KeyRefused": "privacy",
        "AccessError": "privacy",
        "SignInNeeded": "account",
        "PermissionRefused": "account",
        "UsageLimit": "account",
        "BusyError": "workers",
        "WorkerSilent": "workers",
        "CliMissing": "install",
        "CliUnfit": "install",
    }
)


def advice_for(record: Record) -> Advice:
    """The advice for the record's error, or that for the nearest ancestor of its class."""
    kind = getattr(errors, record.error, None)
    if not isinstance(kind, type) or not issubclass(kind, errors.DrawbridgeError):
        return Advice()
    parents = [parent.__name__ for parent in kind.__mro__ if issubclass(parent, errors.DrawbridgeError)]
    # The last one is the class of all errors, whose advice is for bugs.
    names = parents[: max(1, len(parents) - 1)]
    text = kind.hint or next((_TEXTS[name] for name in names if name in _TEXTS), _OTHERWISE)
    page = next((_PAGES[name] for name in names if name in _PAGES), None)
    return Advice(text, None if page is None else _MANUAL + page)
