"""What the app's other threads ask of a running server."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from server.agents.asking.questions import Decision
from server.desktop_tools.current import OpenDesktop
from server.desktop_tools.session import End
from server.errors import ShuttingDown
from server.status import AccountStatus, ContentsWish, SignInAccount
from server.web.interfaces import Engine

if TYPE_CHECKING:
    from server.runtime.services.journal import RequestLog
    from server.runtime.services.tunnel import ServerTunnel


class LiveCalls:
    """The calls, which work from any thread. Without a running server they do nothing, or raise `ShuttingDown`.

    The runner sets the attributes.
    """

    _loop: asyncio.AbstractEventLoop | None
    _engine: Engine | None
    _request_log: "RequestLog | None"
    _tunnel: "ServerTunnel | None"

    def allow_extra_usage(self, *, is_allowed: bool = True) -> None:
        """Continues with paid extra usage until the plan's window resets, or stops again. Works from any thread."""
        if (engine := self._engine) is not None:
            self._call_later(partial(engine.allow_extra_usage, is_allowed=is_allowed))

    def keep_contents(self, wish: ContentsWish) -> None:
        """Keeps the contents of requests, stops that, or forgets what is kept. Works from any thread."""
        if (request_log := self._request_log) is not None:
            request_log.contents.obey(wish)

    def change_tunnel(self, provider: str) -> None:
        """Begins to open the tunnel by `provider`, or to close it if that is empty. Works from any thread."""
        if (tunnel := self._tunnel) is not None:
            self._call_later(lambda: tunnel.change(provider))

    def sign_in(
        self, account: SignInAccount, on_url: Callable[[str], None] = lambda _: None
    ) -> concurrent.futures.Future[AccountStatus]:
        """Begins to sign in to Claude in the browser, which takes minutes. Raises `ShuttingDown`.

        Cancelling the future ends Claude Code's process. The future is cancelled too when the server stops.
        """
        engine, loop = self._engine, self._loop
        if engine is None or loop is None:
            raise ShuttingDown("The server is not running.", hint="Start it, then sign in.")
        signing_in = engine.sign_in(account, on_url)
        try:
            return asyncio.run_coroutine_threadsafe(signing_in, loop)
        except RuntimeError as error:
            signing_in.close()
            raise ShuttingDown from error

    def start_computer_use(self, desktop: OpenDesktop) -> concurrent.futures.Future[None]:
        """Lets Claude use `desktop` for the time of the settings, and closes it at the end.

        Raises `ShuttingDown`, and the future raises `ComputerRefused`; then the desktop is not closed.
        """
        engine, loop = self._engine, self._loop
        if engine is None or loop is None:
            raise ShuttingDown("The server is not running.", hint="Start it, then let Claude use the desktop.")

        async def start() -> None:
            engine.computer.start(desktop)

        starting = start()
        try:
            return asyncio.run_coroutine_threadsafe(starting, loop)
        except RuntimeError as error:
            starting.close()
            raise ShuttingDown from error

    def stop_computer_use(self, end: End) -> None:
        """Ends Claude's use of the desktop; `end` is what ended it."""
        if (engine := self._engine) is not None:
            self._call_later(lambda: engine.computer.stop(end))

    def decide(self, question_id: str, decision: Decision) -> None:
        """Decides a question of an agent. Raises `NotFound` or `QuestionClosed`."""
        if (engine := self._engine) is not None:
            engine.approvals.decide(question_id, decision)

    def _call_later(self, act: Callable[[], None]) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: the server has stopped
            self._loop.call_soon_threadsafe(act)
