"""`drawbridge serve`: the server without an icon, until Ctrl-C or `drawbridge stop`."""

import itertools
import logging
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import click

from server.commands.checks.findings import CheckTray
from server.commands.options import Settled, settings_options, settle
from server.commands.output import note, say
from server.commands.settings_watcher import ServedSettings, SettingsWatcher
from server.config import GRACE_S, Config
from server.errors import DrawbridgeError, StartError
from server.logs import close_log, open_log
from server.machine.files.paths import Folders
from server.machine.instance import Claim, claim, own_instance
from server.machine.keychain import Keychain, resolve_key
from server.machine.network.sockets import Listeners

if TYPE_CHECKING:
    from server.runtime.runner import Runner

logger = logging.getLogger(__name__)

_WAIT_S = 0.5
# How many waits there are between two looks at the addresses of this computer.
_WAITS_FOR_NETWORK = 10

# Ctrl-C, the system's request to end, a closed terminal, Ctrl-Break; not all exist on every system.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class MakeRunner(Protocol):
    """Creates the server: `Runner`, or in tests one with another engine."""

    def __call__(
        self,
        config: Config,
        *,
        folders: Folders,
        token: str,
        on_open: Callable[[Listeners], None],
        settings: ServedSettings,
    ) -> "Runner":
        """Returns a runner that has not started."""


# Runs the desktop app with the given flags; returns the exit code.
RunDesktop = Callable[[Mapping[str, object]], int]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the commands depend on: the desktop app and its tray check, if any, and in tests another engine."""

    make_runner: MakeRunner | None = None
    desktop: RunDesktop | None = None
    tray: CheckTray | None = None


@click.command()
@settings_options()
@click.pass_obj
def serve(parts: Parts, /, **flags: object) -> int:
    """Serve without an icon, until Ctrl-C or 'drawbridge stop'."""
    return serve_until_stopped(settle(flags, unprefixed=True, set_aside=True), parts.make_runner)


def serve_until_stopped(settled: Settled, make_runner: MakeRunner | None = None) -> int:
    """Serves; returns the exit code. Raises the `DrawbridgeError` that prevented the start or ended the server."""
    for notice in settled.notices:
        note(notice)
    if settled.config.reload:
        # Lazy: only for development.
        from server.commands.reload import serve_reloading

        return serve_reloading(settled)
    if make_runner is None:
        # Lazy: the other commands only talk to a server.
        from server.runtime.runner import Runner

        make_runner = partial(Runner, diagnose=partial(_diagnostics, settled.config))
    settled.folders.make()
    # The claim comes first: two servers must not write one log.
    with claim(settled.folders.data) as claimed, logged(settled.folders, settled.config):
        try:
            _serve(settled, claimed, make_runner)
        except DrawbridgeError as error:
            logger.error("%s: %s", error.title, error)
            logger.debug("raised here", exc_info=error)
            raise
    return 0


def _diagnostics(config: Config) -> str:
    # Lazy: only if the page asks for it.
    from server.commands.checks.diagnostics import diagnostics

    return diagnostics({name: getattr(config, name) for name in config.sources if config.source(name) == "flag"})


@contextmanager
def logged(folders: Folders, config: Config) -> Iterator[None]:
    """Writes the log during the block. Raises `StartError` if it cannot be written."""
    try:
        handler = open_log(folders.logs, level=config.log_level)
    except OSError as error:
        raise StartError(
            f"The log in {str(folders.logs)!r} cannot be written: {error.strerror}.",
            hint="Choose another folder with --log-dir (LOG_DIR).",
        ) from error
    try:
        yield
    finally:
        close_log(handler)


def _serve(settled: Settled, claimed: Claim, make_runner: MakeRunner) -> None:
    key = resolve_key(settled.config, Keychain(settled.folders.config))
    config = replace(settled.config, api_key=key)
    token = secrets.token_urlsafe(32)

    def publish(listeners: Listeners) -> None:
        claimed.publish(own_instance(listeners, token))

    # A client that gets an answer finds the instance file.
    settings = ServedSettings()
    runner = make_runner(config, folders=settled.folders, token=token, on_open=publish, settings=settings)
    # Created before we report that we listen: edits from then on are applied.
    settings.watcher = watcher = SettingsWatcher(settled, runner, publish)
    with _on_signals(runner.stop) as seen:
        runner.start()
        say(f"Drawbridge listening on {runner.listeners.base_url}")
        is_key_stored = key is not None and settled.config.api_key is None
        for remark in _remarks(settled, runner.listeners, is_key_stored=is_key_stored):
            note(remark)
        is_announced = False
        # In short waits: on Windows, Ctrl-C does not interrupt a long one.
        for waits in itertools.count(1):
            if runner.wait(_WAIT_S):
                break
            watcher.check()
            if waits % _WAITS_FOR_NETWORK == 0:
                watcher.follow_network()
            if seen and not is_announced:
                is_announced = True
                note(f"Stopping: running answers have up to {GRACE_S:.0f} s. Ctrl-C again cancels them.")


def _remarks(settled: Settled, listeners: Listeners, *, is_key_stored: bool) -> Iterator[str]:
    if listeners.moved:
        yield listeners.moved
    if listeners.ollama:
        yield f"Also answering as Ollama on port {settled.config.ollama_port}."
    if listeners.ollama_refused:
        yield f"Not answering as Ollama: {listeners.ollama_refused}"
    if settled.config.demo:
        yield "DEMO: all answers are made up by Drawbridge, not by Claude."
    if settled.config.source("api_key") == "flag":
        yield "Other users of this computer can read the key in --api-key; use DRAWBRIDGE_API_KEY instead."
    if is_key_stored:
        yield "Clients must send the access key that is stored on this computer."
    yield f"The log is in {settled.folders.logs}. Press Ctrl-C to stop."


@contextmanager
def _on_signals(stop: Callable[[float], None]) -> Iterator[list[int]]:
    """The first signal stops gracefully, the second at once, a third has its default effect. Yields those received."""
    seen: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        seen.append(number)
        stop(GRACE_S if len(seen) == 1 else 0.0)
        if len(seen) > 1:
            signal.signal(number, signal.SIG_DFL)

    # A signal that is ignored (nohup) stays ignored.
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    taken = [number for number in _SIGNALS if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handle)
    try:
        yield seen
    finally:
        for number in taken:
            signal.signal(number, before[number])
