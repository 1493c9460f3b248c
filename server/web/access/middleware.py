"""ASGI middleware that authorizes each request of a listener before the application sees it."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.contents.keeper import Keeper
from server.dialects.base import Dialect
from server.dialects.registry import DIALECTS
from server.errors import DrawbridgeError, OriginRefused, ShuttingDown
from server.logs import redacted, request_id
from server.machine.network.peer import is_other_user
from server.web.access.body import limited
from server.web.access.head import Head
from server.web.access.policy import ACCESS, REFUSAL, Access, AccessPolicy, allowed_origin, authorize, policy_for
from server.web.interfaces import CONNECTION
from server.web.journaling import ENTRY, Entry, entry_of, may_be_kept
from server.web.path_aliases import AS_SENT, DEPLOYMENT, deployment_in
from server.web.replies import DIALECTS_KEY, error_response, internal_error

__all__ = ["AccessMiddleware", "AccessPolicy", "policy_for"]

logger = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,4096}")
_OTHER_USER = "is another user's"
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED = (
    b"x-request-id, request-id, x-drawbridge-way, x-drawbridge-model, x-drawbridge-ignored, x-drawbridge-session, "
    b"x-drawbridge-session-fork, x-drawbridge-schema, x-drawbridge-cost-usd, x-drawbridge-count, retry-after"
)

Headers = list[tuple[bytes, bytes]]


class AccessMiddleware:
    """Wraps `app` for one listener. `policy` is called for each request, so it may change while the server runs.

    Every response has `x-request-id`; errors have the form of the path's dialect. No exception escapes, and a
    cancellation only after a response that began could not be completed.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: AccessPolicy | Callable[[], AccessPolicy],
        *,
        dialects: Sequence[Dialect] = DIALECTS,
        on_refused_origin: Callable[[str], None] = lambda _: None,
        on_end: Callable[[Entry, int | None], None] = lambda *_: None,
        listener: str = "local",
        keep: Callable[[str, str, str], Keeper | None] = lambda *_: None,
    ) -> None:
        """`listener` is its name. `keep` returns what keeps the contents of a request, if anything does.

        `on_end` is called after each request, with the status of its response.
        """
        self._app = app
        self._dialects = dialects
        self._policy: Callable[[], AccessPolicy] = (lambda: policy) if isinstance(policy, AccessPolicy) else policy
        self._clock = time.perf_counter
        self._on_refused_origin = on_refused_origin
        self._on_end = on_end
        self._listener = listener
        self._keep = keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses the request or passes it to the application."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = Head.of(scope)
        sent = head.one("x-request-id") or ""
        # It is in the log and in the list of requests, where no key may be.
        is_usable = _ID.fullmatch(sent) and redacted(sent) == sent
        name = sent if is_usable else f"req_{secrets.token_hex(12)}"
        reply, started = _Reply(send, name), self._clock()
        token = request_id.set(name)
        entry = Entry(head, self._listener, name)
        if may_be_kept(head):
            entry.keeper = reply.keeper = self._keep(name, head.method, head.sent)
        try:
            await self._answer(head, {**scope, ENTRY: entry}, receive, reply)
        finally:
            ms = (self._clock() - started) * 1000
            path = head.path[:200].encode("unicode_escape").decode()
            level = logging.DEBUG if _is_of_the_page(head, reply.status) else logging.INFO
            logger.log(level, "%s %s %s %.0f ms", head.method, path, reply.status or "disconnected", ms)
            self._on_end(entry, reply.status)
            request_id.reset(token)

    async def _answer(self, head: Head, scope: Scope, receive: Receive, reply: "_Reply") -> None:
        inner: Scope = {
            **scope,
            "path": head.path,
            "raw_path": head.path.encode("utf-8", "surrogateescape"),
            DIALECTS_KEY: self._dialects,
            AS_SENT: head.sent,
            DEPLOYMENT: deployment_in(head.sent),
        }
        if head.method == "HEAD":
            # uvicorn drops the body of the response, so the application sees a GET.
            inner["method"] = "GET"
        try:
            policy = self._policy()
            access = _authorized(head, policy, scope, reply)
            if head.method == "OPTIONS":
                await _send_preflight(head, reply)
                return
            inner[ACCESS] = access
            if access.key is not None:
                entry_of(scope).uses(access.key)
            await self._app(inner, _kept(limited(receive, policy, head.encoding), reply.keeper), reply.send)
        except DrawbridgeError as error:
            if isinstance(error, OriginRefused) and error.origin and head.path.startswith(("/v1/", "/api/")):
                self._on_refused_origin(error.origin)
            await error_response(error, inner)(inner, receive, reply.send)
        except asyncio.CancelledError:
            if reply.status is None:
                await error_response(ShuttingDown(), inner)(inner, receive, reply.send)
            if not reply.is_over:
                raise
        except Exception as error:  # noqa: BLE001 # the last handler of a request
            own = internal_error(error)
            if reply.status is None:
                await error_response(own, inner)(inner, receive, reply.send)


def _authorized(head: Head, policy: AccessPolicy, scope: Scope, reply: "_Reply") -> Access:
    """Authorizes the request, and lets pages of its origin read the reply. Raises `DrawbridgeError`."""
    is_public = policy.name == "tunnel"
    reply.allow(allowed_origin(head, policy))
    if not is_public:
        reply.expose()
    if isinstance(refusal := scope.get(REFUSAL), DrawbridgeError):
        raise refusal
    access = authorize(head, policy, lambda: _is_other_user(scope))
    if is_public and head.method != "OPTIONS":
        # Only with a right key: the names of these headers tell what listens here.
        reply.expose()
    return access


def _is_of_the_page(head: Head, status: int | None) -> bool:
    """Whether our page has read something, as it does all the time: not worth a line of the log."""
    return head.method == "GET" and head.path.startswith(("/assets/", "/control/")) and (status or 0) < 400


def _is_other_user(scope: Scope) -> bool:
    """Whether another user of this computer holds the other end; looked up once for each connection."""
    client, server = scope.get("client"), scope.get("server")
    if client is None or server is None or server[1] is None:
        return False
    connection = scope.setdefault(CONNECTION, {})
    if _OTHER_USER not in connection:
        connection[_OTHER_USER] = is_other_user(tuple(client), tuple(server))
    return bool(connection[_OTHER_USER])


class _Reply:
    """Sends the response: adds the common headers, and tracks how far it is."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._headers: Headers = [
            (b"x-request-id", name.encode()),
            # The same, as Anthropic's libraries read it.
            (b"request-id", name.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"vary", b"Origin"),
        ]
        self._origin: str | None = None
        self.status: int | None = None
        self.is_over = False
        self.keeper: Keeper | None = None

    def allow(self, origin: str | None) -> None:
        """Allows the pages of `origin` to read the response."""
        self._origin = origin
        if origin is not None:
            self._headers.append((b"access-control-allow-origin", origin.encode("latin-1")))

    def expose(self) -> None:
        """Allows those pages to read our own headers, too."""
        if self._origin is not None:
            self._headers.append((b"access-control-expose-headers", _EXPOSED))

    async def send(self, message: Message) -> None:
        """Sends `message`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
            message = {**message, "headers": [*headers, *self._headers]}
            if self.keeper is not None:
                self.keeper.began(message["status"], message["headers"])
        elif message["type"] == "http.response.body":
            self.is_over = not message.get("more_body", False)
            if self.keeper is not None:
                self.keeper.sent(message.get("body", b""))
        await self._send(message)


def _kept(receive: Receive, keeper: Keeper | None) -> Receive:
    """`receive`, with the body told to the keeper, if there is one."""
    if keeper is None:
        return receive

    async def receive_and_keep() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            keeper.received(message.get("body", b""))
        return message

    return receive_and_keep


async def _send_preflight(head: Head, reply: _Reply) -> None:
    """Answers a browser's preflight. Header names are echoed, because `*` would not cover Authorization."""
    headers: Headers = [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-max-age", b"600"),
        (b"vary", b"Access-Control-Request-Headers, Access-Control-Request-Private-Network"),
    ]
    names = head.one("access-control-request-headers")
    if names and _HEADER_NAMES.fullmatch(names):
        headers.append((b"access-control-allow-headers", names.encode("latin-1")))
    if head.one("access-control-request-private-network") == "true":
        headers.append((b"access-control-allow-private-network", b"true"))
    if "origin" not in head.headers:
        headers = [(b"allow", _METHODS)]
    await reply.send({"type": "http.response.start", "status": 204, "headers": headers})
    await reply.send({"type": "http.response.body", "body": b""})
