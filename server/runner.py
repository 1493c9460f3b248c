"""The server as one object: its listeners, its own thread with its own event loop, and what it publishes of itself."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from server.config import Config
from server.engine import App, CreateApp, Engine, OpenServices, Published
from server.errors import DrawbridgeError, KeyNeeded, SettingsInvalid, StartError
from server.machine.paths import Folders, find_folders
from server.machine.ports import DoorName, Listeners, open_listeners
from server.status import State, Status
from server.web.ports import ControlPort, Services

if TYPE_CHECKING:
    # Lazy everywhere below: uvicorn and fastapi take a second to import, and the first Claude Code boots meanwhile.
    from server.listening import Listening

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
GRACE_S = 10.0
# What is fixed from start to stop.
_FIXED = ("host", "port", "data_dir", "log_dir", "demo", "reload")


class Runner:
    """One run of the server, from `start` to `wait`. A restart is a new runner.

    `on_status` is called with each new state, in the server's thread or the caller's of `start`: it must not block.
    """

    def __init__(
        self,
        config: Config,
        *,
        token: str,
        folders: Folders | None = None,
        on_status: Callable[[Status], None] = lambda _: None,
        open_services: OpenServices | None = None,
        create_app: CreateApp | None = None,
    ) -> None:
        self._config = config
        self.token = token
        self._folders = folders or find_folders(config)
        self._on_status = on_status
        self._open_services = open_services or _open_services
        self._create_app = create_app or _create_app
        self._thread = threading.Thread(target=self._run, name="drawbridge-server", daemon=True)
        self._settled = threading.Event()
        self._state = State.STOPPED
        self._error: BaseException | None = None
        self._listeners: Listeners | None = None
        self._engine: Engine | None = None
        self._doors: list[Listening] = []
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
        known = self._engine.status() if self._engine is not None else Status(model=self._config.model)
        listeners = self._listeners if self._state in {State.STARTING, State.RUNNING, State.STOPPING} else None
        return replace(
            known,
            state=self._state,
            demo=self._config.demo,
            key_required=self._config.api_key is not None,
            addresses=listeners.addresses if listeners else (),
            base_url=listeners.base_url if listeners else None,
            trouble=str(self._error) if self._error is not None else known.trouble,
        )

    def start(self) -> None:
        """Binds, opens everything, and returns when requests are answered.

        Raises `PortTaken`, `KeyNeeded` or what else kept it from starting; then nothing is left.
        """
        _check_key(self._config)
        self._listeners = open_listeners(self._config)
        self._move(State.STARTING)
        self._thread.start()
        if not self._settled.wait(START_TIMEOUT_S):
            self.stop(0)
            raise StartError(f"It was not ready within {START_TIMEOUT_S:.0f} s.", hint="The log says how far it came.")
        if self._error is not None:
            self._thread.join()
            raise _as_ours(self._error) from self._error

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
        """New settings for the running server: key, time-outs, model, size. May be called from any thread.

        Raises `SettingsInvalid` for what only a restart can change, and `KeyNeeded`; then nothing has changed.
        """
        for name in _FIXED:
            if getattr(config, name) != getattr(self._config, name):
                raise SettingsInvalid(f"The setting {name!r} cannot change while the server runs.", hint="Restart it.")
        _check_key(config)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._apply, config)

    def _apply(self, config: Config) -> None:
        self._config = config
        if self._engine is not None:
            self._engine.apply(config)
        self._on_status(self.status)

    def _move(self, state: State) -> None:
        self._state = state
        self._on_status(self.status)

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
        elif self._grace <= 0:
            for door in self._doors:
                door.cut()

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
        if self._is_leaving:
            # Asked before there was a loop to ask.
            return
        async with self._open_services(self._config, self._folders) as engine:
            self._engine = engine
            await asyncio.to_thread(_import_the_web)
            app = self._create_app(self._config, Published(engine, lambda: self.status), control=self)
            self._doors = [self._door(app, name, sockets) for name, sockets in self.listeners.by_door()]
            try:
                for door in self._doors:
                    await door.open()
                self._move(State.RUNNING)
                logger.info("listening on %s", ", ".join(self.listeners.addresses))
                self._settled.set()
                await self._until_stopped()
            finally:
                self._move(State.STOPPING)
                await asyncio.gather(*(door.close(self._grace) for door in self._doors))

    def _door(self, app: App, name: DoorName, sockets: list[socket.socket]) -> "Listening":
        from server.listening import Listening
        from server.web.doors import Doors, policy_for

        return Listening(Doors(app, lambda: policy_for(self._config, name)), sockets)

    async def _until_stopped(self) -> None:
        """Waits for `stop`, or for a door that closes by itself, which is an error."""
        leaving = asyncio.create_task(self._leaving.wait())
        doors = {door.serving for door in self._doors if door.serving is not None}
        try:
            done, _ = await asyncio.wait({leaving, *doors}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        for door in done & doors:
            await door
            raise StartError("A listening socket closed by itself.", hint="Start it again; the log may say more.")


def _check_key(config: Config) -> None:
    if not config.is_loopback and not config.api_key:
        raise KeyNeeded(
            f"Others can reach {config.host}, so it must have an access key.",
            hint="Set one with DRAWBRIDGE_API_KEY, or listen on 127.0.0.1 only.",
        )


def _as_ours(error: BaseException) -> DrawbridgeError:
    if isinstance(error, DrawbridgeError):
        return error
    return StartError(f"The server ended: {type(error).__name__}: {error}.", hint="The log says where.")


def _import_the_web() -> None:
    """In a thread of its own: the loop goes on reading what the first Claude Code says."""
    import server.app
    import server.listening
    import server.web.doors  # noqa: F401 # for its effect


def _open_services(config: Config, folders: Folders) -> AbstractAsyncContextManager[Engine]:
    # Lazy: `drawbridge status` uses none of it.
    from server.services import open_services

    return open_services(config, folders)


def _create_app(config: Config, services: Services, *, control: ControlPort) -> App:
    from server.app import create_app

    return create_app(config, services, control=control)
