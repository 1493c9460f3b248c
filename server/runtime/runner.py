"""The server in a thread of its own: starts, stops, changes settings while it runs, and publishes its status."""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING

from server.config import FIXED_AT_START, GRACE_S, LISTENING, Config
from server.errors import SettingsInvalid, StartError
from server.machine.files.paths import Folders, find_folders
from server.machine.network.sockets import Hosts, Listeners, lan_hosts, open_listeners, rebind
from server.runtime import application
from server.runtime.control_port import RunnerControl
from server.runtime.live_calls import LiveCalls
from server.runtime.loops import as_ours, run_in_loop, settle, until_stopped
from server.runtime.start_checks import check_key
from server.runtime.status_publisher import StatusPublisher
from server.status import (
    ContentsStatus,
    OllamaStatus,
    Serving,
    State,
    Status,
    TunnelStatus,
)
from server.web.interfaces import App, ControlPort, Engine, SettingsPort

if TYPE_CHECKING:
    from server.runtime.listening.listeners import ListenerSet
    from server.runtime.services.journal import RequestLog
    from server.runtime.services.tunnel import ServerTunnel
    from server.web.control.parts import Parts

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
# How long a page that was refused is reported.
_REFUSED_S = 600.0

OpenEngine = Callable[[Config, Folders], AbstractAsyncContextManager[Engine]]
CreateApp = Callable[[Config, Engine, ControlPort, "Parts"], App]


class Runner(LiveCalls):
    """One run of the server, from `start` to `wait`. A restart is a new runner.

    `on_status` is called with each new status, in the server's thread or the one that calls `start`; it must not block.
    `on_stop_requested` is called instead of `stop` when /control or the page requests a stop, `on_quit_requested` when
    they ask to quit the app.
    `diagnose` makes the text of the diagnostics, which the page copies.
    `on_open` is called in the server's thread before the first request is answered; what it raises prevents the start.
    `settings` is where the page changes them.
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
        on_stop_requested: Callable[[], None] | None = None,
        on_quit_requested: Callable[[], None] | None = None,
        on_open: Callable[[Listeners], None] = lambda _: None,
        diagnose: Callable[[], str] | None = None,
        hosts: Hosts = lan_hosts,
        settings: SettingsPort | None = None,
    ) -> None:
        self._config = config
        self._settings = settings
        self.token = token
        self._folders = folders or find_folders(config)
        self._open_engine = open_engine or application.open_engine
        self._create_app = create_app or partial(application.create_application, self._folders)
        self._control: ControlPort = RunnerControl(token, on_stop_requested or self.stop, on_quit_requested)
        self._hosts = hosts
        self._diagnose = diagnose
        self._on_open = on_open
        self._thread = threading.Thread(target=self._run, name="drawbridge-server", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._stopped: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._state = State.STOPPED
        self._on_status = on_status
        self._publisher = StatusPublisher(lambda: self.status, self._announce)
        self._listeners: Listeners | None = None
        self._listener_set: ListenerSet | None = None
        self._engine: Engine | None = None
        self._request_log: RequestLog | None = None
        self._tunnel: ServerTunnel | None = None
        self._opening: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._refused_origin: str | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        self._grace_s: float | None = None  # set by `stop`

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self._config

    @property
    def listeners(self) -> Listeners:
        """What is bound; only after `begin`."""
        assert self._listeners is not None
        return self._listeners

    @property
    def status(self) -> Status:
        """The state of the whole server."""
        if self._engine is not None:
            return self._engine.status()
        serving, error = self._serving, self.error
        return Status(
            **{field.name: getattr(serving, field.name) for field in fields(Serving)},
            model=self._config.model,
            demo=self._config.demo,
            key_required=self._config.local_key is not None,
            trouble=None if error is None else str(error),
        )

    @property
    def error(self) -> BaseException | None:
        """What ended the server or kept it from starting; None while it runs and after `stop`."""
        return self._stopped.exception() if self._stopped.done() else None

    @property
    def _serving(self) -> Serving:
        listeners = self._listeners
        if listeners is None or self._state not in {State.STARTING, State.RUNNING, State.STOPPING}:
            return Serving(self._state)
        return Serving(
            self._state,
            listeners.addresses,
            listeners.lan_addresses,
            listeners.base_url,
            None if self._refused_origin in self._config.allowed_origins else self._refused_origin,
            OllamaStatus(listeners.ollama_addresses, listeners.ollama_refused),
            None if self._request_log is None else self._request_log.trouble,
            ContentsStatus() if self._request_log is None else self._request_log.contents.status,
            None if self._request_log is None else self._request_log.sessions.trouble,
            TunnelStatus() if self._tunnel is None else self._tunnel.status,
        )

    def start(self) -> None:
        """Binds and opens everything. Raises `PortTaken`, `KeyNeeded` or another error; then all is closed."""
        self.begin()
        concurrent.futures.wait([self._started], START_TIMEOUT_S)
        if not self._started.done():
            self.stop(0)
            raise StartError(
                f"It was not ready within {START_TIMEOUT_S:.0f} s.", hint="The log shows what it was doing."
            )
        if (error := self._started.exception()) is not None:
            self._thread.join()
            raise as_ours(error) from error

    def begin(self) -> None:
        """Binds, and starts the rest in the server's thread; `on_status` reports how that ends. Raises `StartError`."""
        check_key(self._config)
        self._listeners = open_listeners(self._config, hosts=self._hosts)
        self._loop = asyncio.new_event_loop()
        self._move(State.STARTING)
        self._thread.start()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Asks the server to stop and returns at once; running answers may take `grace_s` more seconds.

        May be called from any thread, and again: 0 then cancels the answers that the first call lets run.
        """
        self._grace_s = grace_s if self._grace_s is None else min(grace_s, self._grace_s)
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the server has stopped
                self._loop.call_soon_threadsafe(self._begin_stop)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether the server ended within `timeout_s` seconds. Raises the error that caused it."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        if self.error is not None:
            raise as_ours(self.error) from self.error
        return True

    def apply(self, config: Config) -> None:
        """Changes the settings of the running server, keeping processes and conversations. Works from any thread.

        New listeners are open when this returns; answers on closed ones may run for the usual grace. Raises
        `SettingsInvalid` for what only a restart can change, `KeyNeeded`, and `PortTaken` or `StartError` for what
        cannot be bound; then nothing has changed.
        """
        for name in FIXED_AT_START:
            if getattr(config, name) != getattr(self._config, name):
                raise SettingsInvalid(f"The setting {name!r} cannot change while the server runs.", hint="Restart it.")
        check_key(config)
        is_moving = self._is_open and any(getattr(config, name) != getattr(self._config, name) for name in LISTENING)
        listeners = rebind(self.listeners, self._config, config, hosts=self._hosts) if is_moving else None
        self._change_in_loop(config, listeners)

    def follow_network(self) -> None:
        """Opens LAN listeners at addresses that this computer has got, and closes those it has lost. Never raises."""
        if not self.listeners.lan or not self._is_open:
            return
        try:
            listeners = rebind(self.listeners, self._config, self._config, hosts=self._hosts)
        except StartError as error:
            logger.warning("cannot listen on a new address: %s", error.message)
            return
        if listeners.lan_addresses != self.listeners.lan_addresses:
            logger.info("addresses for other devices: %s", ", ".join(listeners.lan_addresses) or "none")
            self._change_in_loop(self._config, listeners)

    @property
    def _is_open(self) -> bool:
        return self._state in {State.STARTING, State.RUNNING} and self._grace_s is None

    def _change_in_loop(self, config: Config, listeners: Listeners | None) -> None:
        """Applies the change in the server's loop and waits for it; a server that has ended only stores it."""
        change = self._change(config, listeners)
        if self._loop is None or not self._thread.is_alive() or not run_in_loop(change, self._loop):
            change.close()
            self._config = config
            if listeners is not None:
                listeners.close(but=self._listeners)

    async def _change(self, config: Config, listeners: Listeners | None) -> None:
        """In the loop: opens the new listeners first, then applies everything else at once."""
        if listeners is not None:
            old = self.listeners
            if self._listener_set is not None:
                await self._listener_set.change(listeners, grace_s=GRACE_S)
            else:
                old.close(but=listeners)
            self._listeners = listeners
            logger.info("listening on %s", ", ".join(listeners.addresses))
        before, self._config = self._config, config
        if self._engine is not None:
            self._engine.apply(config)
        if self._request_log is not None:
            self._request_log.contents.follow_settings()
        if self._tunnel is not None:
            await self._tunnel.apply(before)
        self._publish()

    def _move(self, state: State) -> None:
        self._state = state
        self._publish()

    def _publish(self) -> None:
        if self._engine is not None:
            self._engine.serving = self._serving
        self._publisher.publish()

    def _announce(self, status: Status) -> None:
        """Tells the owner and the pages of a new status."""
        self._on_status(status)
        if self._request_log is not None:
            self._request_log.hub.status_changed()

    def _publish_later(self) -> None:
        """From another thread: publishes what has changed there."""
        self._call_later(self._publish)

    def _on_refused_origin(self, origin: str | None) -> None:
        """In the loop: reports the origin for some minutes, since its page shows only that it cannot connect."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
        if origin is not None:
            self._forgetting = asyncio.get_running_loop().call_later(_REFUSED_S, self._on_refused_origin, None)
        if origin != self._refused_origin:
            self._refused_origin = origin
            self._publish()

    def _begin_stop(self) -> None:
        """In the loop: begins to stop. Running answers are cancelled only if no grace is left."""
        self._stopping.set()
        if self._engine is not None:
            self._engine.computer.stop("server")
        if self._state is State.STARTING:
            if self._opening is not None:
                self._opening.cancel()
        elif not self._grace_s and self._listener_set is not None:
            self._listener_set.cancel_requests()

    def _run(self) -> None:
        """The server's thread. On Linux its end also ends every Claude Code process that it spawned."""
        assert self._loop is not None
        loop, error = self._loop, None
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._serve())
        except asyncio.CancelledError:
            logger.info("stopped while it started")
        except BaseException as raised:  # the top of the thread: `wait` raises it, even a SystemExit of a library
            logger.error("the server ended: %s", type(raised).__name__, exc_info=raised)
            error = raised
        self._engine = None
        self.listeners.close()
        settle(self._stopped, error)
        self._move(State.STOPPED if error is None else State.FAILED)
        if not self._started.done():
            settle(self._started, error)

    async def _serve(self) -> None:
        self._opening = asyncio.current_task()
        if self._stopping.is_set():
            return
        async with self._open_engine(self._config, self._folders) as engine:
            engine.serving = self._serving
            engine.on_change = self._publisher.publish_soon
            self._engine = engine
            # Settings that were changed while it opened.
            engine.apply(self._config)
            await asyncio.to_thread(application.import_web, self._config)
            with (
                application.open_request_log(
                    self._folders, lambda: self._config, engine, self._publish_later
                ) as self._request_log,
                application.open_parts(self._folders, self._request_log, self._diagnose, self._settings) as parts,
            ):
                self._tunnel = application.tunnel_of(self._folders, lambda: self._config)
                with_tunnel = replace(parts, tunnel=self._tunnel.manager)
                app = self._create_app(self._config, engine, self._control, with_tunnel)
                self._listener_set = application.listener_set_over(
                    app,
                    lambda: self._config,
                    self._on_refused_origin,
                    self._request_log.add,
                    parts,
                    token=self.token,
                    salt=application.salt_in(self._folders),
                    on_https=self._request_log.arrivals.add_https,
                    keep=self._request_log.contents.keeper,
                )
                async with application.open_tunnel(
                    self._tunnel, app, parts, self._request_log, self._publish, lambda: self._grace_s or 0.0
                ):
                    await self._listen(self._listener_set)

    async def _listen(self, listener_set: "ListenerSet") -> None:
        """Answers requests until `stop`."""
        self._on_open(self.listeners)
        try:
            await listener_set.change(self.listeners, grace_s=0.0)
            self._move(State.RUNNING)
            logger.info("listening on %s", ", ".join(self.listeners.addresses))
            self._started.set_result(None)
            await until_stopped(self._stopping, listener_set.until_broken())
        finally:
            self._move(State.STOPPING)
            if self._request_log is not None:
                self._request_log.hub.close()
            # Without `stop` an error ends the server, and no grace is given.
            await listener_set.close(self._grace_s or 0.0)
