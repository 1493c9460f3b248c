"""A request that an app sent: what the dashboard tells of it. Never a word of a prompt, of an answer or of a key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from server.connect.instructions import ANY_KEY, MISSING_KEY
from server.errors import RequestError
from server.journal.apps import UNKNOWN
from server.logs import redacted
from server.web.access.head import Head
from server.web.journaling import Entry

KeySent = Literal["none", "placeholder", "malformed", "given"]
Kind = Literal["request", "list"]
"""Whether the app asked something, or for a list such as that of the models."""

HTTPS = "Https"
"""The error of an arrival that is no request: a TLS handshake on a port that speaks plain HTTP."""
_LONGEST = 200
_PLACEHOLDERS = frozenset({ANY_KEY, MISSING_KEY})
# The dashboard itself, what browsers fetch beside a page, and what commands use.
_OWN_PATHS = ("/control/", "/assets/", "/docs", "/manual", "/health", "/openapi.json", "/favicon.ico", "/v1/requests")
_OWN_APPS = frozenset({"Drawbridge", "Playground"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request. `path` is the canonical path and `sent` the one that was sent; `error` is the name of a class.

    `listener` is the listener that it came to. `seconds` is the time until the answer was complete. `is_whole` tells
    whether the client waited for that.
    """

    at: float
    app: str
    method: str = ""
    path: str = ""
    sent: str = ""
    host: str = ""
    origin: str = ""
    key_sent: KeySent = "none"
    kind: Kind = "request"
    status: int | None = None
    error: str = ""
    title: str = ""
    hint: str = ""
    param: str = ""
    asked: str = ""
    model: str = ""
    way: str = ""
    key: str = ""
    seconds: float = 0.0
    is_whole: bool = True
    listener: str = "local"

    @property
    def is_ok(self) -> bool:
        """Whether the app got an answer."""
        return not self.error and self.is_whole and self.status is not None and self.status < 400


def arrival_of(entry: Entry, status: int | None, *, at: float) -> Arrival | None:
    """The arrival of a request that has ended with this status; None if no app sent it."""
    head, record, error = entry.head, entry.record, entry.error
    if record.app in _OWN_APPS or head.path.startswith(_OWN_PATHS) or _is_browsing(head) or _is_preflight(head, status):
        return None
    return Arrival(
        at=at,
        app=record.app,
        method=head.method[:20],
        path=record.path,
        sent=redacted(head.sent)[:_LONGEST],
        host=(head.one("host") or "")[:_LONGEST],
        origin=(head.one("origin") or "")[:_LONGEST],
        key_sent=_key_sent(head),
        kind="request" if record.dialect or head.method == "POST" else "list",
        status=status,
        error=record.error,
        title=record.trouble,
        # Only these hints are fixed texts, without anything of the request.
        hint=type(error).hint if error is not None else "",
        param=(error.param or "")[:_LONGEST] if isinstance(error, RequestError) else "",
        asked=record.asked,
        model=record.model,
        way=record.way,
        key=record.key,
        seconds=round(entry.age_ms / 1000, 2),
        is_whole=not record.dialect or bool(record.error) or entry.is_finished,
        listener=record.door,
    )


def running_arrival(entry: Entry) -> Arrival:
    """A request that is being answered, as far as it tells which client sent it."""
    record = entry.record
    return Arrival(0.0, record.app, key=record.key, key_sent="given" if record.key else "none", listener=record.door)


def https_arrival(at: float) -> Arrival:
    """A TLS handshake: some app has https:// in its address."""
    return Arrival(at, UNKNOWN, error=HTTPS)


def outside_arrival(head: Head, app: str, at: float) -> Arrival:
    """A request with a right key that came through the tunnel, for something that is not open there."""
    return Arrival(
        at,
        app,
        method=head.method[:20],
        path=redacted(head.path)[:_LONGEST],
        sent=redacted(head.sent)[:_LONGEST],
        host=(head.one("host") or "")[:_LONGEST],
        key_sent="given",
        kind="request" if head.method == "POST" else "list",
        status=404,
        error="NotFound",
        listener="tunnel",
    )


def _is_browsing(head: Head) -> bool:
    """Whether a person opened a page in a browser."""
    is_page = "text/html" in (head.one("accept") or "") and head.method in {"GET", "HEAD"}
    return is_page or (head.method in {"GET", "HEAD"} and head.path in {"", "/"})


def _is_preflight(head: Head, status: int | None) -> bool:
    return head.method == "OPTIONS" and (status or 0) < 400


def _key_sent(head: Head) -> KeySent:
    """Whether a key came at all, and in which form; not which one."""
    keys = [*_values(head, "x-api-key"), *_values(head, "api-key")]
    is_malformed = False
    for value in _values(head, "authorization"):
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() == "bearer" and credentials.strip():
            keys.append(credentials.strip())
        else:
            is_malformed = scheme.lower() != "bearer"
    if keys:
        return "placeholder" if _PLACEHOLDERS.issuperset(keys) else "given"
    return "malformed" if is_malformed else "none"


def _values(head: Head, name: str) -> Sequence[str]:
    return [value for value in head.headers.get(name, ()) if value]
