"""ASGI middleware that refuses requests of our own Claude Code processes, which would never end."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import OwnRequest
from server.web.replies import error_response

_SESSION = b"x-claude-code-session-id"


class RecursionGuard:
    """Refuses a request that carries the session id of one of our own processes; `is_own` knows them."""

    def __init__(self, app: ASGIApp, is_own: Callable[[str], bool]) -> None:
        self._app = app
        self._is_own = is_own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes all other requests on."""
        for name, value in scope.get("headers", ()):
            if name == _SESSION and self._is_own(value.decode("latin-1").strip()):
                await error_response(OwnRequest(), scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)
