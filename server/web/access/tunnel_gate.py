"""What the tunnel's listener lets in: the model APIs under the public name, and nothing that tells what listens here.

It stands before `AccessMiddleware`, which then checks the key and the rest as on every other listener.
"""

import collections
import secrets
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.config import Config
from server.dialects.registry import DIALECTS, is_below
from server.errors import KeyLimited
from server.keys.named_key import NamedKey
from server.tunnel.proof import Proofs
from server.web.access.head import Head
from server.web.access.keys import KEY_HEADERS, FindKey, offered_keys
from server.web.access.policy import REFUSAL, AccessPolicy, allowed_origin

# Besides the dialects' own paths.
_POSTS = frozenset(
    {
        *("/v1/embeddings", "/api/embed", "/api/embeddings", "/api/show"),
        *("/v1/messages/count_tokens", "/v1/responses/input_tokens", "/v1/responses/compact"),
        *(path for dialect in DIALECTS for path in dialect.paths),
    }
)
_LISTS = ("/v1/models", "/api/v0/models", "/api/tags")
MOST_WRONG_KEYS = 10
WRONG_KEYS_S = 60.0
# Proxies on the way must neither keep nor collect the events of a stream.
_UNBUFFERED = ((b"cache-control", b"no-cache, no-transform"), (b"x-accel-buffering", b"no"))
_REPLACED = frozenset(name for name, _ in _UNBUFFERED)
# In the place of the user's own key, which is not accepted here: no one has this one.
_NO_KEY = secrets.token_urlsafe(32)


def tunnel_policy(config: Config, host: str, find_key: FindKey) -> AccessPolicy:
    """The policy of the tunnel's listener: only keys of apps are accepted, under the public name `host` only."""
    return AccessPolicy(
        name="tunnel",
        key=_NO_KEY,
        hosts=frozenset({host.partition(":")[0]}),
        origins=frozenset(origin.lower().rstrip("/") for origin in config.allowed_origins),
        body_limit=int(config.body_limit_mb * 1_000_000),
        find_key=find_key,
    )


class WrongKeys:
    """Counts wrong keys. There is one count for all callers: the addresses that a proxy names could be made up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: collections.deque[float] = collections.deque(maxlen=MOST_WRONG_KEYS)

    def add(self, count: int = 1) -> bool:
        """Counts the keys of a request; returns whether there were too many before. A right key is never affected."""
        now = self._clock()
        if len(self._times) == MOST_WRONG_KEYS and now - self._times[0] < WRONG_KEYS_S:
            return True
        self._times.extend([now] * min(count, MOST_WRONG_KEYS))
        return False


class TunnelGate:
    """Wraps the application of the tunnel's listener. `host` returns the public name, which may change."""

    def __init__(
        self,
        app: ASGIApp,
        policy: Callable[[], AccessPolicy],
        *,
        host: Callable[[], str],
        find_key: FindKey,
        proofs: Proofs,
        on_use: Callable[[], None] = lambda: None,
        on_closed: Callable[[Head], None] = lambda _: None,
        wrong_keys: WrongKeys | None = None,
    ) -> None:
        """`on_use` is called at the start and the end of each request with a key for the internet.

        `on_closed` is called with each one for a path that is not open here.
        """
        self._app, self._policy, self._host, self._find_key = app, policy, host, find_key
        self._proofs, self._on_use, self._on_closed = proofs, on_use, on_closed
        self._wrong_keys = wrong_keys or WrongKeys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what is for a model; everything else is a 404 that names nothing."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = Head.of(scope)
        proof = self._proofs.answer_to(head.path)
        if not self._is_for_us(head):
            if proof is not None:
                self._proofs.seen_host = (head.one("host") or "")[:100]
            await _plain(send, 404, b"")
        elif proof is not None:
            await _plain(send, 200, proof)
        elif not _is_open(head):
            if _is_for_tunnels(self._key_of(head)):
                self._on_closed(head)
            await _plain(send, 404, b"")
        elif self._is_preflight_of_a_stranger(head):
            await _plain(send, 404, b"")
        else:
            await self._pass_on(head, scope, receive, send)

    async def _pass_on(self, head: Head, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._key_of(head)
        if key is None and (tried := _tried(head)) and self._wrong_keys.add(tried):
            # The middleware answers in the form of the path's dialect.
            refusal = KeyLimited("Too many wrong keys.", retry_after_s=WRONG_KEYS_S, hint="Try again in a minute.")
            scope = {**scope, REFUSAL: refusal}

        async def unbuffered(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [header for header in message.get("headers", ()) if header[0].lower() not in _REPLACED]
                message = {**message, "headers": [*kept, *_UNBUFFERED]}
            await send(message)

        is_use = _is_for_tunnels(key)
        if is_use:
            self._on_use()
        try:
            await self._app(scope, receive, unbuffered)
        finally:
            if is_use:
                self._on_use()

    def _key_of(self, head: Head) -> NamedKey | None:
        return next(filter(None, map(self._find_key, offered_keys(head.headers))), None)

    def _is_for_us(self, head: Head) -> bool:
        """Whether the request is for the public name. Without one, the tunnel is not open."""
        sent = (head.one("host") or "").lower().removesuffix(":443").removesuffix(".")
        return bool(sent) and sent == self._host().lower().removesuffix(":443")

    def _is_preflight_of_a_stranger(self, head: Head) -> bool:
        is_preflight = head.method == "OPTIONS" and "origin" in head.headers
        return is_preflight and allowed_origin(head, self._policy()) is None


def _is_for_tunnels(key: NamedKey | None) -> bool:
    return key is not None and "tunnel" in key.rights.listeners


def _tried(head: Head) -> int:
    """How many keys the request tries: a header that holds none, such as a key without `Bearer`, is one, too."""
    return len(offered_keys(head.headers)) or int(any(name in head.headers for name in KEY_HEADERS))


def _is_open(head: Head) -> bool:
    """Whether the request asks a model, lists the models, or is a browser's question before that."""
    is_list = any(is_below(head.path, path) for path in _LISTS)
    match head.method:
        case "POST":
            return head.path in _POSTS
        case "GET" | "HEAD":
            return is_list
        case "OPTIONS":
            return is_list or head.path in _POSTS
    return False


async def _plain(send: Send, status: int, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *_UNBUFFERED]})
    await send({"type": "http.response.body", "body": body})
