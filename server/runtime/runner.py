"""The server as one object: its listeners, its own thread with its own event loop, and what it publishes of itself."""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any  # Any: what a coroutine never sends

from server.config import FIXED_AT_START, GRACE_S, Config
from server.errors import DrawbridgeError, KeyNeeded, SettingsInvalid, ShuttingDown, StartError
from server.machine.paths import Folders, find_folders
from server.machine.sockets import WILDCARDS, DoorName, Listeners, lan_hosts, open_listeners, rebind
from server.status import AccountStatus, Serving, SignInAccount, State, Status
from server.web.interfaces import App, ControlPort, Engine

if TYPE_CHECKING:
    # Lazy everywhere below: uvicorn and fastapi take a second to import, and the first Claude Code boots meanwhile.
    from server.runtime.listeners import Gate

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
# How long `apply` may take to open new doors.
REBIND_TIMEOUT_S = 30.0
# Counts change by the token; who shows them need not know of each.
_NEWS_DELAY_S = 0.1

OpenEngine = Callable[[Config, Folders], AbstractAsyncContextManager[Engine]]
CreateApp = Callable[[Config, Engine, ControlPort], App]


class Runner:
    """One run of the server, from `start` to `wait`. A restart is a new runner.

    `on_status` is called with each new status, in the server's thread or the caller's of `start`: it must not block.
    `on_stop_asked` is called where /control or the page asks for a stop, instead of `stop`.
    """

    def __init__(
        self,
        config: Config,
        *,
        token: str,
        folders: Folders | None = None,
        on_status: Callable[[Status], None] = lambda _: None,
        open_engine: OpenEngine | None = None,
        create_app: CreateApp | None = None,
        on_stop_asked: Callable[[], None] | None = None,
        hosts: Callable[[], tuple[str, ...]] = lan_hosts,
    ) -> None:
        self._config = config
        self.token = token
        self._folders = folders or find_folders(config)
        self._on_status = on_status
        self._open_engine = open_engine or _open_engine
        self._create_app = create_app or _create_app
        self._on_stop_asked = on_stop_asked
        self._hosts = hosts
        self._thread = threading.Thread(target=self._run, name="drawbridge-server", daemon=True)
        self._settled = threading.Event()
        self._state = State.STOPPED
        self._error: BaseException | None = None
        self._listeners: Listeners | None = None
        self._engine: Engine | None = None
        self._gate: Gate | None = None
        self._has_loop = threading.Event()
        self._published: Status | None = None
        self._news: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._grace_s: float | None = None
        self._leaving = asyncio.Event()

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self._config

    @property
    def listeners(self) -> Listeners:
        """What was bound; only after `start`."""
        assert self._listeners is not None
        return self._listeners

    @property
    def status(self) -> Status:
        """Everything the server knows of itself now."""
        if self._engine is not None:
            return self._engine.status()
        serving = self._serving_now
        return Status(
            state=serving.state,
            addresses=serving.addresses,
            lan_addresses=serving.lan_addresses,
            base_url=serving.base_url,
            model=self._config.model,
            demo=self._config.demo,
            key_required=self._config.api_key is not None,
            trouble=None if self._error is None else str(self._error),
        )

    @property
    def _serving_now(self) -> Serving:
        listeners = self._listeners
        if listeners is None or self._state not in {State.STARTING, State.RUNNING, State.STOPPING}:
            return Serving(self._state)
        return Serving(self._state, listeners.addresses, listeners.lan_addresses, listeners.base_url)

    @property
    def error(self) -> BaseException | None:
        """What ended it, or kept it from starting; None while all is well."""
        return self._error

    def start(self) -> None:
        """Binds, opens everything, and returns when requests are answered.

        Raises `PortTaken`, `KeyNeeded` or what else kept it from starting; then nothing is left.
        """
        self.begin()
        if not self._settled.wait(START_TIMEOUT_S):
            self.stop(0)
            raise StartError(f"It was not ready within {START_TIMEOUT_S:.0f} s.", hint="The log says how far it came.")
        if self._error is not None:
            self._thread.join()
            raise _as_ours(self._error) from self._error

    def begin(self) -> None:
        """Binds, and lets the rest of the start go on in the server's thread; `on_status` tells how it ends.

        Raises `PortTaken`, `KeyNeeded` or `StartError`; then nothing is left.
        """
        _check_key(self._config)
        self._listeners = open_listeners(self._config, hosts=self._hosts)
        self._move(State.STARTING)
        self._thread.start()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Asks the server to stop and returns at once: running answers may go on for `grace_s` seconds.

        May be called from any thread, and again: 0 then ends at once what the first call lets run.
        """
        self._grace_s = grace_s if self._grace_s is None else min(grace_s, self._grace_s)
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it has stopped
                self._loop.call_soon_threadsafe(self._leave)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until the server has ended, `timeout_s` seconds at most; whether it has.

        Raises what ended it, if it was not `stop`.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise _as_ours(self._error) from self._error
        return True

    def apply(self, config: Config) -> None:
        """New settings for the running server, with its processes and conversations. May be called from any thread.

        Where it listens elsewhere from now on, that is open when this returns; running answers behind what was closed
        may end within the usual grace. Raises `SettingsInvalid` for what only a restart can change, `KeyNeeded`, and
        `PortTaken` or `StartError` for what cannot be bound; then nothing has changed.
        """
        for name in FIXED_AT_START:
            if getattr(config, name) != getattr(self._config, name):
                raise SettingsInvalid(f"The setting {name!r} cannot change while the server runs.", hint="Restart it.")
        _check_key(config)
        is_moving = any(getattr(config, name) != getattr(self._config, name) for name in ("host", "port", "reach"))
        self._in_loop(config, self._rebound(config) if is_moving else None)

    def follow_network(self) -> None:
        """Opens the lan door at addresses this computer has got, and lets go of those it has lost. Never raises."""
        if not self.listeners.lan or not self._is_open:
            return
        try:
            listeners = rebind(self.listeners, self._config, same_port=True, hosts=self._hosts)
        except StartError as error:
            logger.warning("a new address cannot be served: %s", error.message)
            return
        if listeners.lan_addresses != self.listeners.lan_addresses:
            logger.info("others now find it at %s", ", ".join(listeners.lan_addresses) or "no address")
            self._in_loop(self._config, listeners)

    def sign_in(self, account: SignInAccount, on_url: Callable[[str], None] = lambda _: None) -> AccountStatus:
        """Signs in to Claude in the browser, and returns when that is over: for a thread that may wait minutes.

        Raises `DrawbridgeError` where nobody is signed in afterwards, and `ShuttingDown` when the server stops.
        """
        engine, loop = self._engine, self._loop
        if engine is None or loop is None:
            raise ShuttingDown("The server is not running.", hint="Start it, then sign in.")
        asked = engine.sign_in(account, on_url)
        try:
            return asyncio.run_coroutine_threadsafe(asked, loop).result()
        except (RuntimeError, concurrent.futures.CancelledError) as error:
            asked.close()
            raise ShuttingDown from error

    @property
    def _is_open(self) -> bool:
        return self._state in {State.STARTING, State.RUNNING} and not self._is_leaving

    def _rebound(self, config: Config) -> Listeners | None:
        """The listeners of `config`; None when there is nobody who would serve them."""
        if not self._is_open:
            return None
        before, listeners = self._config, self.listeners
        same_port = (config.port, config.source("port")) == (before.port, before.source("port"))
        is_wide = config.host != before.host and {config.host, before.host} & WILDCARDS
        if is_wide and (same_port or config.port == listeners.port):
            raise SettingsInvalid("Every address cannot be listened on beside a single one.", hint="Restart it.")
        if config.port == listeners.port:
            # The port that it had moved to is now the one that is asked for.
            same_port, listeners = True, replace(listeners, moved=None)
        return rebind(listeners, config, same_port=same_port, hosts=self._hosts)

    def _in_loop(self, config: Config, listeners: Listeners | None) -> None:
        """Changes to these in the server's loop and waits for it; a server that has ended needs nothing."""
        self._has_loop.wait(REBIND_TIMEOUT_S)
        change = self._change(config, listeners)
        done = self._loop is not None and self._thread.is_alive() and _finished(change, self._loop)
        if not done:
            # It has stopped, or does so right now.
            change.close()
            self._config = config
            if listeners is not None:
                listeners.close(but=self._listeners)

    async def _change(self, config: Config, listeners: Listeners | None) -> None:
        """In the loop: the new doors first, then all else at once."""
        if listeners is not None:
            old = self.listeners
            if self._gate is not None:
                await self._gate.change(listeners, grace_s=GRACE_S)
            else:
                old.close(but=listeners)
            self._listeners = listeners
            logger.info("listening on %s", ", ".join(listeners.addresses))
        self._config = config
        if self._engine is not None:
            self._engine.apply(config)
        self._publish()

    def _move(self, state: State) -> None:
        self._state = state
        self._publish()

    def _publish(self) -> None:
        if self._engine is not None:
            self._engine.serving = self._serving_now
        status = self.status
        if status != self._published:
            self._published = status
            self._on_status(status)

    def _heard(self) -> None:
        """In the loop: something of the engine's status is new. Many such news are told as one."""
        if self._news is None and self._loop is not None:
            self._news = self._loop.call_later(_NEWS_DELAY_S, self._tell)

    def _tell(self) -> None:
        self._news = None
        self._publish()

    @property
    def _is_leaving(self) -> bool:
        return self._grace_s is not None

    @property
    def _grace(self) -> float:
        """None was given where it is not `stop` that ends the server: then nothing is left to wait for."""
        return self._grace_s or 0.0

    def _leave(self) -> None:
        """In the loop: whatever the server is at, it ends; the answers that run only when no grace is left."""
        self._leaving.set()
        if self._state is State.STARTING:
            assert self._serving is not None
            self._serving.cancel()
        elif self._grace <= 0 and self._gate is not None:
            self._gate.cut()

    def _run(self) -> None:
        """The server's thread. On Linux its end ends every Claude Code that it spawned."""
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except asyncio.CancelledError:
            logger.info("stopped while it started")
        except BaseException as error:  # the supervisor's edge: a library may even raise SystemExit here
            logger.error("the server ended: %s", type(error).__name__, exc_info=error)
            self._error = error
        finally:
            self._engine = None
            self.listeners.close()
            self._move(State.STOPPED if self._error is None else State.FAILED)
            self._settled.set()

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._has_loop.set()
        if self._is_leaving:
            # Asked before there was a loop to ask.
            return
        async with self._open_engine(self._config, self._folders) as engine:
            engine.serving = self._serving_now
            self._engine = engine
            engine.on_change = self._heard
            # What was set while it opened.
            engine.apply(self._config)
            await asyncio.to_thread(_import_web)
            app = self._create_app(self._config, engine, self._lever())
            self._gate = _new_gate(app, lambda: self._config)
            try:
                await self._gate.change(self.listeners, grace_s=0.0)
                self._move(State.RUNNING)
                logger.info("listening on %s", ", ".join(self.listeners.addresses))
                self._settled.set()
                await self._until_stopped(self._gate)
            finally:
                self._move(State.STOPPING)
                await self._gate.close(self._grace)

    def _lever(self) -> ControlPort:
        return self if self._on_stop_asked is None else _Lever(self.token, self._on_stop_asked)

    async def _until_stopped(self, gate: "Gate") -> None:
        """Waits for `stop`, or for a door that closes by itself, which is an error."""
        leaving = asyncio.create_task(self._leaving.wait())
        broken = asyncio.create_task(gate.until_broken())
        try:
            await asyncio.wait({leaving, broken}, return_when=asyncio.FIRST_COMPLETED)
            if broken.done():
                await broken
        finally:
            for task in (leaving, broken):
                task.cancel()
            await asyncio.gather(leaving, broken, return_exceptions=True)


class _Lever:
    """What /control and the page pull where the server is not alone: who keeps it decides how it ends."""

    def __init__(self, token: str, stop: Callable[[], None]) -> None:
        self.token = token
        self.stop = stop


def _finished(change: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> bool:
    """Whether `loop` has run `change` to its end, and was not ended first. Raises what `change` raises."""
    try:
        asyncio.run_coroutine_threadsafe(change, loop).result(REBIND_TIMEOUT_S)
    except (RuntimeError, concurrent.futures.CancelledError):
        return False
    except TimeoutError as error:
        raise StartError("The server is too busy to change its settings.", hint="Restart it.") from error
    return True


# uvicorn and FastAPI take a second to import. The first Claude Code boots meanwhile; `drawbridge status` needs neither.


def _open_engine(config: Config, folders: Folders) -> AbstractAsyncContextManager[Engine]:
    from server.runtime.engine import open_engine

    return open_engine(config, folders)


def _import_web() -> None:
    """Called in a thread, so that the loop keeps reading from the first Claude Code."""
    import server.app
    import server.runtime.listeners
    import server.web.access.middleware  # noqa: F401 # for its effect


def _create_app(config: Config, engine: Engine, control: ControlPort) -> App:
    from server.app import create_app

    return create_app(config, engine, control)


def _new_gate(app: App, config: Callable[[], Config]) -> "Gate":
    from server.runtime.listeners import Gate
    from server.web.access.middleware import AccessMiddleware, policy_for

    def door(name: DoorName) -> App:
        return AccessMiddleware(app, lambda: policy_for(config(), name))

    return Gate(door)


def _check_key(config: Config) -> None:
    if config.api_key or (config.is_loopback and config.reach == "local"):
        return
    place = "it from containers and the network" if config.is_loopback else config.host
    raise KeyNeeded(
        f"Others can reach {place}, so it must have an access key.",
        hint="Make one in the menu or set DRAWBRIDGE_API_KEY, or let only this computer reach it.",
    )


def _as_ours(error: BaseException) -> DrawbridgeError:
    if isinstance(error, DrawbridgeError):
        return error
    return StartError(f"The server ended: {type(error).__name__}: {error}.", hint="The log says where.")
