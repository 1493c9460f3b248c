"""Handles termination signals, even while the main thread is inside a native event loop."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

_TERMINATION = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if (number := getattr(signal, name, None)) is not None
)


@contextlib.contextmanager
def handling_termination(callback: Callable[[], object]) -> Iterator[None]:
    """Inside this context a termination signal calls `callback`, on another thread, instead of ending the program.

    Python runs signal handlers between two bytecodes of the main thread, and inside the native loops of Windows and
    macOS it runs none. The signal's number is written to a socket at once, from which a thread reads it. Enter on the
    main thread only. Ignored signals stay ignored.
    """
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    reader = threading.Thread(target=_read, args=(ours, callback), name="drawbridge-signals", daemon=True)
    # An ignored signal is ignored on purpose: nohup ignores SIGHUP, a shell's background jobs SIGINT.
    handled = [number for number in _TERMINATION if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _nothing) for number in handled}
    previous_fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    reader.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()
        reader.join()
        ours.close()


def _nothing(number: int, frame: object) -> None:
    """Replaces the default handler, which would end the program."""


def _read(ours: socket.socket, callback: Callable[[], object]) -> None:
    while numbers := ours.recv(64):
        for number in numbers:
            if number in _TERMINATION:
                callback()
