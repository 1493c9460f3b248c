"""What was wrong with a request, in words, with the one thing to change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from server.journal.apps import UNKNOWN
from server.web.arrivals.arrival import HTTPS, Arrival
from server.web.unavailable import instead_of

FindingKind = Literal[
    "path",
    "https",
    "key missing",
    "key wrong",
    "other user",
    "host",
    "proxy",
    "origin",
    "page",
    "model",
    "body",
    "limit",
    "sign in",
    "busy",
    "no answer",
    "hung up",
    "not available",
    "claude code",
]
Offer = Literal["address", "endpoint", "sign in", "allow host", "allow origin", ""]
"""What the page offers beside the text: the address to copy, a sign-in, or a change of a setting.

`endpoint` is the whole address, for an app that adds no path to it.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was wrong: `text` says what came and `help` the one thing to change. `value` belongs to the offer."""

    kind: FindingKind
    text: str
    help: str
    offer: Offer = ""
    value: str = ""


_SET_BASE = "Set the app's base URL to exactly this address."
# What apps add to a base URL by themselves.
_ENDPOINTS = ("/chat/completions", "/completions", "/responses", "/messages", "/embeddings", "/models", "/api/chat")


def diagnosis(arrival: Arrival) -> Finding | None:
    """What was wrong with the request; None if it was answered, or is a probe that apps recover from."""
    if not arrival.error:
        if not arrival.is_whole:
            return _hung_up(arrival)
        return _by_status(arrival) if (arrival.status or 0) >= 400 else None
    if arrival.error == "UpgradeRefused":
        return None
    return _BY_ERROR.get(arrival.error, _other)(arrival)


def _app(arrival: Arrival) -> str:
    return "An app" if arrival.app == UNKNOWN else arrival.app


def _https(_: Arrival) -> Finding:
    return Finding(
        "https",
        "An app tried to connect with https://, and this address is plain http://.",
        "Write http:// at the beginning of the address. It does not leave this computer, so it needs no encryption.",
        "address",
    )


def _key_missing(arrival: Arrival) -> Finding:
    if arrival.key_sent == "malformed":
        text = f"{_app(arrival)} sent its key in a form that Drawbridge does not read."
        return Finding("key missing", text, "Send it as the header 'Authorization: Bearer KEY', or as 'x-api-key'.")
    return Finding(
        "key missing", f"{_app(arrival)} sent no access key.", "Enter the key that this page shows as its API key."
    )


def _key_wrong(arrival: Arrival) -> Finding:
    match arrival.key_sent:
        case "placeholder":
            text = f"{_app(arrival)} sent the placeholder from the instructions as its key."
            return Finding("key wrong", text, "Enter the key that this page shows instead of the placeholder.")
        case "none" | "malformed":
            return _key_missing(arrival)
    text = f"{_app(arrival)} sent a key that is not valid here."
    return Finding(
        "key wrong", text, "Enter the key that this page shows again; a replaced or revoked key no longer works."
    )


def _other_user(arrival: Arrival) -> Finding:
    text = f"{_app(arrival)} runs as another user of this computer, so it needs the access key."
    return Finding("other user", text, "Create a key and enter it there, or run the app as yourself.")


def _host(arrival: Arrival) -> Finding:
    name = arrival.host.rpartition(":")[0] if arrival.host.rpartition(":")[2].isdigit() else arrival.host
    text = f"{_app(arrival)} called this server {name or 'by no name'}, and that name is not allowed."
    advice = "Use the address shown here. If the name is yours, such as that of a tunnel, allow it."
    return Finding("host", text, advice, "allow host" if name else "address", name)


def _proxy(arrival: Arrival) -> Finding:
    text = (
        f"The request of {_app(arrival)} came through a proxy or tunnel, and this address answers only this computer."
    )
    return Finding("proxy", text, "Exclude 127.0.0.1 from the app's proxy, or let other devices connect with the key.")


def _origin(arrival: Arrival) -> Finding:
    text = f"A web page of {arrival.origin or 'an unknown address'} asked, and its pages may not use this server."
    return Finding("origin", text, "If you trust that page, allow it.", "allow origin", arrival.origin)


def _page(arrival: Arrival) -> Finding:
    return Finding(
        "page", f"{arrival.title}.", "Open the app itself; a link on another website cannot use this server."
    )


def _not_found(arrival: Arrival) -> Finding:
    came = f"{_app(arrival)} asked for {arrival.sent or '/'}, which does not exist."
    if (doubled := _doubled(arrival)) is not None:
        return doubled
    for endpoint in _ENDPOINTS:
        before, mark, after = arrival.sent.partition(endpoint)
        if mark and before and not after.strip("/"):
            return Finding("path", came, f"Its address has {before!r} before {endpoint}. {_SET_BASE}", "address")
    return Finding("path", came, _SET_BASE, "address")


def _doubled(arrival: Arrival) -> Finding | None:
    """For a path that the app added to an address which had one already."""
    sent = arrival.sent.rstrip("/")
    added = next((endpoint for endpoint in _ENDPOINTS if sent.endswith(endpoint)), None)
    if added is None:
        return None
    before = sent.removesuffix(added)
    added, before = (f"/v1{added}", before.removesuffix("/v1")) if before.endswith("/v1") else (added, before)
    had = next((endpoint for endpoint in _ENDPOINTS if before.endswith(endpoint)), None)
    if had is None:
        return None
    text = f"{_app(arrival)} asked for {arrival.sent}: it adds {added} to the address itself."
    return Finding("path", text, f"Remove {had} from the end of its address.", "address")


def _method(arrival: Arrival) -> Finding:
    if arrival.method == "POST" and arrival.path in {"", "/"}:
        text = f"{_app(arrival)} sent its request to {arrival.sent or '/'} itself: it adds no path of its own."
        return Finding("path", text, "Give it the whole address, with /chat/completions at the end.", "endpoint")
    text = f"{_app(arrival)} used {arrival.method} on {arrival.sent}, which takes other requests."
    return Finding("path", text, _SET_BASE, "address")


def _not_built(arrival: Arrival) -> Finding:
    if (doubled := _doubled(arrival)) is not None:
        return doubled
    text = f"{_app(arrival)} asked for {arrival.sent}, which Drawbridge does not have."
    return Finding("not available", text, instead_of(arrival.path) or "Switch that feature of the app off.")


def _model(arrival: Arrival) -> Finding:
    text = f"{_app(arrival)} asked for the model {arrival.asked or 'of an unknown name'!r}, which there is not."
    return Finding("model", text, "Choose a model of the list, such as sonnet, or allow unknown names in the settings.")


def _body(arrival: Arrival) -> Finding:
    place = f": its field {arrival.param!r}" if arrival.param else ""
    text = f"Drawbridge cannot read the request of {_app(arrival)}{place}. {arrival.title}."
    advice = arrival.hint or "The app shows the whole error. Its manual page here has settings that are known to work."
    return Finding("body", text, advice)


def _limit(arrival: Arrival) -> Finding:
    text = f"The request of {_app(arrival)} arrived, but Claude refused it: {_lower(arrival.title)}."
    return Finding("limit", text, "Nothing to change in the app. Try again when the plan's limit has reset.")


def _sign_in(arrival: Arrival) -> Finding:
    text = f"The request of {_app(arrival)} arrived, but Claude Code is not signed in."
    return Finding("sign in", text, "Sign in to Claude, then ask again.", "sign in")


def _busy(arrival: Arrival) -> Finding:
    text = f"The request of {_app(arrival)} arrived, but was not answered: {_lower(arrival.title)}."
    return Finding("busy", text, arrival.hint or "Send it again.")


def _claude_code(arrival: Arrival) -> Finding:
    text = f"The request of {_app(arrival)} arrived, but Claude Code failed: {_lower(arrival.title)}."
    return Finding("claude code", text, arrival.hint or "Run 'drawbridge doctor' to see why.")


def _hung_up(arrival: Arrival) -> Finding:
    text = f"{_app(arrival)} closed the connection after {arrival.seconds:.1f} s, before the answer was complete."
    return Finding("hung up", text, "If you did not stop it yourself, raise the timeout in the app.")


def _other(arrival: Arrival) -> Finding:
    text = f"The request of {_app(arrival)} arrived, but was not answered: {_lower(arrival.title or 'an error')}."
    return Finding("no answer", text, arrival.hint or "Send it again; the log has the details.")


def _by_status(arrival: Arrival) -> Finding:
    """For an error whose class is not known."""
    match arrival.status:
        case 401:
            return _key_wrong(arrival)
        case 404:
            return _not_found(arrival)
        case _:
            return _other(arrival)


def _lower(text: str) -> str:
    """`text` as the end of a sentence, except for names."""
    keeps = text[:2].isupper() or text.startswith(("Claude", "Drawbridge"))
    return text.rstrip(".") if keeps else text[:1].lower() + text[1:].rstrip(".")


_BY_ERROR: Mapping[str, Callable[[Arrival], Finding]] = MappingProxyType(
    {
        HTTPS: _https,
        "KeyMissing": _key_missing,
        "KeyRefused": _key_wrong,
        "KeyRevoked": _key_wrong,
        "OtherUserRefused": _other_user,
        "HostRefused": _host,
        "ProxyRefused": _proxy,
        "OriginRefused": _origin,
        "AccessDenied": _page,
        "NotFound": _not_found,
        "MethodNotAllowed": _method,
        "NotBuilt": _not_built,
        "EmbeddingsMissing": _not_built,
        "ModelUnknown": _model,
        "UpstreamUnknown": _model,
        "RequestError": _body,
        "InvalidRequest": _body,
        "ResponseUnknown": _body,
        "PromptTooLong": _body,
        "UpstreamRefused": _body,
        "BodyTooLarge": _body,
        "BodyTooSlow": _body,
        "BodyAmbiguous": _body,
        "BodyNotJson": _body,
        "UsageLimit": _limit,
        "RateLimit": _limit,
        "SignInNeeded": _sign_in,
        "CredentialsRefused": _busy,
        "PermissionRefused": _busy,
        "QueueFull": _busy,
        "QueueTimeout": _busy,
        "ShuttingDown": _busy,
        "RequestStopped": _busy,
        "CliMissing": _claude_code,
        "CliMisnamed": _claude_code,
        "CliFailed": _claude_code,
        "CliUnfit": _claude_code,
        "WorkerDied": _claude_code,
        "WorkerSilent": _claude_code,
    }
)
