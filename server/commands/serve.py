"""`drawbridge serve`: the server without an icon, until Ctrl-C or `drawbridge stop`."""

import logging
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import click

from server.commands.options import Settled, settings_options, settle
from server.commands.words import note, say
from server.config import Config
from server.errors import DrawbridgeError, StartError
from server.logs import close_log, open_log
from server.machine.instance import Claim, Instance, claim
from server.machine.paths import Folders
from server.web.state import own_version

if TYPE_CHECKING:
    from server.runner import Runner

logger = logging.getLogger(__name__)

# What running answers get when the server is asked to stop.
GRACE_S = 10.0
# Ctrl-C, the system's request to end, a closed terminal, Ctrl-Break: those that this system has.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class MakeRunner(Protocol):
    """How the server is made: `Runner` itself, or in tests one with another engine."""

    def __call__(self, config: Config, *, folders: Folders, token: str) -> "Runner":
        """A runner that has not started."""
        ...


@click.command()
@settings_options()
@click.pass_obj
def serve(make_runner: MakeRunner | None, /, **flags: object) -> int:
    """Serve without an icon, until Ctrl-C or 'drawbridge stop'."""
    return serve_until_stopped(settle(flags, unprefixed=True), make_runner)


def serve_until_stopped(settled: Settled, make_runner: MakeRunner | None = None) -> int:
    """Serves; the exit code. Raises `DrawbridgeError` for what keeps it from starting, or ended it."""
    if settled.config.reload:
        # Lazy: only for work on Drawbridge itself.
        from server.commands.reload import serve_reloading

        return serve_reloading(settled)
    if make_runner is None:
        # Lazy: the other commands talk to a server and need none.
        from server.runner import Runner

        make_runner = Runner
    settled.folders.make()
    # The claim first: two servers must not write one log.
    with claim(settled.folders.data) as claimed, _log(settled):
        try:
            _serve(settled, claimed, make_runner)
        except DrawbridgeError as error:
            logger.error("%s: %s", error.title, error)
            logger.debug("from here", exc_info=error)
            raise
    return 0


@contextmanager
def _log(settled: Settled) -> Iterator[None]:
    try:
        handler = open_log(settled.folders.logs, level=settled.config.log_level)
    except OSError as error:
        raise StartError(
            f"The log in {str(settled.folders.logs)!r} cannot be written: {error.strerror}.",
            hint="Choose another folder with --log-dir (LOG_DIR).",
        ) from error
    try:
        yield
    finally:
        close_log(handler)


def _serve(settled: Settled, claimed: Claim, make_runner: MakeRunner) -> None:
    for notice in settled.notices:
        note(notice)
    runner = make_runner(settled.config, folders=settled.folders, token=secrets.token_urlsafe(32))
    with _on_signals(runner.stop) as seen:
        runner.start()
        listeners = runner.listeners
        claimed.publish(Instance(os.getpid(), *listeners.control, runner.token, own_version(), listeners.base_url))
        say(f"Drawbridge listening on {listeners.base_url}")
        for remark in _remarks(settled, listeners.moved):
            note(remark)
        is_told = False
        # In short waits: on Windows a long one would not hear Ctrl-C.
        while not runner.wait(0.5):
            if seen and not is_told:
                is_told = True
                note(f"Stopping: running answers have {GRACE_S:.0f} s to end. Ctrl-C again ends them now.")


def _remarks(settled: Settled, moved: str | None) -> Iterator[str]:
    if moved:
        yield moved
    if settled.config.demo:
        yield "DEMO: every answer comes from a stand-in inside Drawbridge, not from Claude."
    if settled.config.source("api_key") == "flag":
        yield "Other users of this computer can read the key in --api-key; use DRAWBRIDGE_API_KEY instead."
    yield f"The log is in {settled.folders.logs}. Ctrl-C stops."


@contextmanager
def _on_signals(stop: Callable[[float], None]) -> Iterator[list[int]]:
    """The first signal stops gracefully, the second at once, a third as the system does it. Gives those seen."""
    seen: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        seen.append(number)
        stop(GRACE_S if len(seen) == 1 else 0.0)
        if len(seen) > 1:
            signal.signal(number, signal.SIG_DFL)

    # A signal that is ignored on purpose (nohup) stays ignored.
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    taken = [number for number in _SIGNALS if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handle)
    try:
        yield seen
    finally:
        for number in taken:
            signal.signal(number, before[number])
