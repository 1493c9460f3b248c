"""The access policy of a listener, and the check of a request's head against it.

The socket of the request decides which policy applies, never a header. The checks, in order: host (DNS rebinding),
forwarding headers, origin and fetch site (other sites' pages), key, length, content type.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from starlette.requests import Request

from server.config import Config
from server.errors import (
    AccessDenied,
    BodyAmbiguous,
    BodyNotJson,
    BodyTooLarge,
    HostRefused,
    KeyDenied,
    KeyMissing,
    KeyNeeded,
    KeyRefused,
    KeyRevoked,
    OriginRefused,
    OtherUserRefused,
    ProxyRefused,
)
from server.keys.named_key import NamedKey, id_in
from server.keys.rights import LISTENER_NAMES
from server.machine.instance import TOKEN_HEADER
from server.machine.network.own_names import own_names
from server.web.access.head import Head
from server.web.access.keys import KEY_HEADERS, FindKey, is_among, no_key, offered_keys
from server.web.unavailable import is_unbuilt

ACCESS = "drawbridge.access"
REFUSAL = "drawbridge.refusal"
"""The key in an ASGI scope of an error with which the request is refused before anything of it is read."""
# Schemes of the pages of desktop and mobile apps, which no website can have. A page in a file has the origin `null` in
# most browsers, and `file://` only in apps. Browser extensions must be named in the settings.
APP_SCHEMES = frozenset(
    {
        *("app", "capacitor", "capacitor-electron", "electron", "file", "ionic", "tauri"),
        *("vscode-file", "vscode-webview", "wails"),
    }
)
ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(?::[0-9]{1,5})?")
_WEB_ORIGIN = re.compile(r"https?://(.+)")
_APP_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://[^/?#@\s]*")
_ANY_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,40}://[a-z0-9._:\[\]-]{1,200}")
_JSON_TYPE = re.compile(r"application/(?:[a-z0-9!#$&^_.-]+\+)?json")
_FORM_TYPE = "application/x-www-form-urlencoded"
_BROWSERS = ("mozilla/", "opera/")
_FORWARDING = frozenset({"forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip"})
# Readable without the key, because they contain nothing private. The routes shorten / and /health.
_OPEN_TO_READ = frozenset({"/", "/health", "/docs", "/manual", "/openapi.json", "/favicon.ico"})
_FOREIGN = (
    "The user who runs Drawbridge can require a key in its menu (or set DRAWBRIDGE_API_KEY) and give it to you; "
    "send it as 'Authorization: Bearer <key>'."
)
_NEUTRAL = "Send it as 'Authorization: Bearer <key>'."
_SALT = secrets.token_bytes(16)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What one listener accepts. `key` None: no key is required, which only the local listener may have.

    `hosts` are names allowed besides loopback, `origins` those allowed besides loopback and the known apps;
    `body_limit` is in bytes. `is_key_optional`: requests to a loopback name need no key. `is_ollamas`: the listener
    is on Ollama's port. `page_token`: what our own page sends instead of the key. `find_key` finds the keys of apps,
    each of which is accepted like `key`. `salt` makes the owner's name from the key: with the same one it is the same
    after a restart. Raises `KeyNeeded` for any other listener without a key.
    """

    name: Literal["local", "lan", "tunnel"] = "local"
    key: str | None = field(default=None, repr=False)
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    body_limit: int = 32_000_000
    is_key_optional: bool = False
    is_ollamas: bool = False
    page_token: str | None = field(default=None, repr=False)
    find_key: FindKey = field(default=no_key, compare=False, repr=False)
    salt: bytes = field(default=_SALT, repr=False)

    def __post_init__(self) -> None:
        if self.name != "local" and not self.key:
            raise KeyNeeded(
                "Others can reach this address, so it must have an access key.",
                hint="Set one with --api-key (DRAWBRIDGE_API_KEY), or listen on 127.0.0.1 only.",
            )

    @property
    def owner(self) -> str:
        """An opaque name of this listener and its key. Nothing is shared between owners."""
        digest = hashlib.blake2b((self.key or "").encode(), key=self.salt, digest_size=8).hexdigest()
        return f"{self.name}:{digest}"


def policy_for(
    config: Config, name: Literal["local", "lan", "ollama"] = "local", find_key: FindKey = no_key
) -> AccessPolicy:
    """The policy of the listener `name` under these settings; Ollama's is a local one. `find_key`: the keys of apps."""
    # Docker Desktop forwards requests of its containers for this name to the loopback, where they must send the key.
    docker = ("host.docker.internal",) if name == "lan" or config.reach == "lan" else ()
    own = own_names() if name == "lan" else ()
    return AccessPolicy(
        name="lan" if name == "lan" else "local",
        key=config.api_key,
        hosts=frozenset(host.lower() for host in (*config.allowed_hosts, *docker, *own)),
        origins=frozenset(origin.lower().rstrip("/") for origin in config.allowed_origins),
        body_limit=int(config.body_limit_mb * 1_000_000),
        is_key_optional=name != "lan" and config.local_key is None,
        is_ollamas=name == "ollama",
        find_key=find_key,
    )


@dataclass(frozen=True, slots=True)
class Access:
    """An authorized request. `is_own`: it is not from another page. `key`: the app's own key that it sent.

    `is_trusted`: it needs no key or has the user's key. An app's own key gives access to the API only.
    """

    policy: AccessPolicy
    is_trusted: bool
    is_own: bool
    key: NamedKey | None = None

    @property
    def owner(self) -> str:
        """The opaque owner of the request."""
        return self.policy.owner if self.key is None else self.key.owner

    @property
    def sealed_for(self) -> str:
        """The owner of what is sealed for the client. Unlike `owner`, it is the same after a restart."""
        return "" if self.key is None else self.key.owner

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the request may use, by names with `*`; empty: every model."""
        return () if self.key is None else self.key.rights.models


def access_of(request: Request) -> Access:
    """What `AccessMiddleware` found out about `request`. Raises `AccessDenied` if it did not pass through one."""
    access = request.scope.get(ACCESS)
    if not isinstance(access, Access):
        raise AccessDenied("This listener has no access policy, so it answers nothing.")
    return access


def allowed_origin(head: Head, policy: AccessPolicy) -> str | None:
    """The `Origin` of the request if its pages may read the response, else None."""
    given = head.one("origin")
    if given is None:
        return None
    origin = given.lower()
    if origin in {"*", "null"}:
        # Not even if the settings allow them: any page can give itself the origin `null`.
        return None
    app = _APP_ORIGIN.fullmatch(origin)
    if (app and app[1] in APP_SCHEMES) or origin in policy.origins:
        return given
    web = _WEB_ORIGIN.fullmatch(origin)
    if web and (
        _is_loopback(web[1]) or _is_below_localhost(web[1]) or (_is_own(head) and _is_host_allowed(head, policy))
    ):
        return given
    return None


def authorize(head: Head, policy: AccessPolicy, is_other_user: Callable[[], bool] = lambda: False) -> Access:
    """Authorizes the request. Raises `AccessError` or `BodyTooLarge`.

    `is_other_user`: whether another user of this computer sent it, called only if that decides; they need the key.
    """
    _check_host(head, policy)
    _check_page(head, policy)
    offers = offered_keys(head.headers)
    has_key = policy.key is not None and (is_among(offers, policy.key) or _is_page(head, policy))
    is_control = head.path.startswith("/control/")
    key = None if has_key or is_control else next(filter(None, map(policy.find_key, offers)), None)
    if policy.is_key_optional and _is_loopback((head.one("host") or "").lower()):
        policy = replace(policy, key=None)
    is_foreign = not has_key and (policy.key is None or is_control) and is_other_user()
    is_trusted = has_key or (policy.key is None and not is_foreign)
    access = Access(policy, is_trusted=is_trusted, is_own=_is_own(head), key=key)
    if head.method == "OPTIONS":
        return access
    if is_control:
        if is_foreign:
            raise AccessDenied("Only the user who runs Drawbridge may use its controls.")
        # These require the instance's token instead of the key, and only our own page may call them.
        if not access.is_own:
            raise AccessDenied("Only Drawbridge's own dashboard and commands may use its controls.")
    elif _is_open(head):
        pass
    elif key is not None:
        if policy.name not in key.rights.listeners:
            raise KeyDenied(
                f"The access key '{key.name}' may not be used from {LISTENER_NAMES[policy.name]}.",
                hint="The section Keys of the dashboard sets where a key may be used.",
            )
    elif is_foreign:
        raise OtherUserRefused(
            "Another user of this computer sent this request, so it needs the access key.", hint=_FOREIGN
        )
    elif not is_trusted:
        raise _wrong_key(head, policy)
    elif not has_key and any(map(id_in, offers)):
        # As a request without a key it would have more rights than before.
        raise KeyRevoked("The access key is that of an app, and does not exist any more.")
    _check_body(head, policy)
    return access


def _wrong_key(head: Head, policy: AccessPolicy) -> KeyRefused:
    # Strangers on the internet are not told what listens here.
    hint = _NEUTRAL if policy.name == "tunnel" else None
    if any(name in head.headers for name in KEY_HEADERS):
        return KeyRefused("The access key is wrong.", hint=hint)
    return KeyMissing("This server requires an access key.", hint=hint)


def _check_host(head: Head, policy: AccessPolicy) -> None:
    if not _is_host_allowed(head, policy):
        raise HostRefused(
            f"The host name {head.one('host') or ''!r} is not one of this server's.",
            hint="Use 127.0.0.1 or localhost, or add the name to allowed_hosts (DRAWBRIDGE_ALLOWED_HOSTS).",
        )
    if policy.name != "local":
        return
    for name in head.headers:
        if name in _FORWARDING or name.startswith("x-forwarded-"):
            raise ProxyRefused(
                f"The request came through a proxy (header {name!r}), and this address answers only this computer.",
                hint="Call it directly, or let other devices connect, with the access key (--reach lan).",
            )


def _check_page(head: Head, policy: AccessPolicy) -> None:
    """Refuses requests of other sites' pages, which could use up the user's subscription."""
    is_allowed = allowed_origin(head, policy) is not None
    if "origin" in head.headers and not is_allowed:
        # Strangers on the internet are not told what listens here.
        variable = "" if policy.name == "tunnel" else " (DRAWBRIDGE_ALLOWED_ORIGINS)"
        raise OriginRefused(
            f"Web pages of {head.one('origin')!r} may not use this server.",
            hint=f"If you trust them, add that origin to allowed_origins{variable}.",
            origin=origin if _ANY_ORIGIN.fullmatch(origin := (head.one("origin") or "").lower()) else "",
        )
    # On loopback `same-site` is another port of this computer; on a network it could be any host of the domain.
    sites = {None, "none", "same-origin", "same-site" if _is_loopback((head.one("host") or "").lower()) else None}
    if head.one("sec-fetch-site") not in sites and not is_allowed:
        raise AccessDenied(
            "A page of another website sent this request, which is not allowed.",
            hint="To open the dashboard yourself, type its address into the browser.",
        )


def _check_body(head: Head, policy: AccessPolicy) -> None:
    length = head.one("content-length")
    if length is not None and (not length.isdecimal() or int(length[:20]) > policy.body_limit):
        raise too_large(policy)
    has_body = "transfer-encoding" in head.headers or length not in {None, "0"}
    if length is not None and "transfer-encoding" in head.headers:
        raise BodyAmbiguous("The request has both Content-Length and Transfer-Encoding.")
    if head.method not in {"POST", "PUT", "PATCH"} or not has_body:
        return
    encoding = head.encoding
    if encoding and encoding not in ENCODINGS:
        raise BodyNotJson(
            f"The content encoding of the body is {encoding!r}.",
            title="The body has an unknown encoding",
            hint="Send it as gzip, as deflate or uncompressed.",
        )
    kind = (head.one("content-type") or "").partition(";")[0].strip().lower()
    # An upload to an endpoint that is not available gets that error instead.
    if not _JSON_TYPE.fullmatch(kind) and not is_unbuilt(head.path) and not _is_curls(head, kind):
        raise BodyNotJson(f"The content type of the body is {kind!r}; it must be JSON.")


def _is_curls(head: Head, kind: str) -> bool:
    """Whether a program sent JSON to Ollama's API without saying so, as in Ollama's examples with curl.

    No page of a website can: browsers send the header Origin, and a User-Agent that starts like Mozilla's.
    """
    is_browser = "origin" in head.headers or (head.one("user-agent") or "mozilla/").lower().startswith(_BROWSERS)
    return head.path.startswith("/api/") and kind in {"", _FORM_TYPE} and not is_browser


def too_large(policy: AccessPolicy) -> BodyTooLarge:
    """The error for a body over the limit."""
    return BodyTooLarge(
        f"The body is longer than {policy.body_limit / 1_000_000:g} MB.",
        hint="Send less, or raise body_limit_mb (DRAWBRIDGE_BODY_LIMIT_MB).",
    )


def _is_open(head: Head) -> bool:
    is_reading = head.method in {"GET", "HEAD"}
    return is_reading and is_open_to_read(head.path)


def is_open_to_read(path: str) -> bool:
    """Whether `path` is readable without the key."""
    return path in _OPEN_TO_READ or path.startswith(("/assets/", "/manual/"))


def _is_page(head: Head, policy: AccessPolicy) -> bool:
    """Whether our own page asks a model: it has no key, but a token that it got with the key or from the app.

    Only a browser sends `sec-fetch-site`, which no script can set, and only for a page of this very address the value
    `same-origin`. So the token is of no use to another website, to an app, or on a listener for other devices.
    """
    if policy.name != "local" or policy.page_token is None or not head.path.startswith("/v1/"):
        return False
    sent = head.one(TOKEN_HEADER) or ""
    is_same_origin = _is_own(head) and head.one("sec-fetch-site") == "same-origin"
    return is_same_origin and hmac.compare_digest(sent.encode("latin-1"), policy.page_token.encode())


def _is_own(head: Head) -> bool:
    """Whether only a page of this very address, or no page, can have sent the request."""
    origin, host = head.one("origin"), (head.one("host") or "").lower()
    from_here = origin is None or origin.lower() in {f"http://{host}", f"https://{host}"}
    return from_here and head.one("sec-fetch-site") in {None, "none", "same-origin"}


def _is_host_allowed(head: Head, policy: AccessPolicy) -> bool:
    host = (head.one("host") or "").lower()
    if _is_loopback(host):
        return True
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    if policy.name != "local":
        # DNS rebinding needs a host name of the attacker's, so on an open listener any IP address is fine.
        try:
            return not ipaddress.ip_address(match[1].strip("[]")).is_unspecified
        except ValueError:
            pass
    return match[1] in policy.hosts


def _is_below_localhost(host: str) -> bool:
    """Whether `host` is a name such as `tauri.localhost`, which browsers resolve to this computer."""
    match = _HOST.fullmatch(host)
    return match is not None and match[1].endswith(".localhost")


@lru_cache(maxsize=64)
def _is_loopback(host: str) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    if match[1] == "localhost":
        return True
    try:
        address = ipaddress.ip_address(match[1].strip("[]"))
    except ValueError:
        return False
    return address.is_loopback
