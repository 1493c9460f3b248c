"""Signals that end a program, heard also while the main thread is inside a system's own loop."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

_ENDING = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if (number := getattr(signal, name, None)) is not None
)


@contextlib.contextmanager
def told_of_signals(tell: Callable[[], object]) -> Iterator[None]:
    """Within it, a signal that would end the program calls `tell` instead, on a thread of its own.

    Python runs its handlers only between two steps of the main thread, and the loops of Windows and macOS take no
    steps. The number of a signal is written into a socket at once, and a thread reads it there. Main thread only. A
    signal that is ignored on purpose stays ignored.
    """
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    reader = threading.Thread(target=_read, args=(ours, tell), name="drawbridge-signals", daemon=True)
    # One that is ignored is so on purpose: nohup does it with SIGHUP, a shell's background jobs with SIGINT.
    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _nothing) for number in heard}
    woken = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    reader.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()
        reader.join()
        ours.close()


def _nothing(number: int, frame: object) -> None:
    """Its being there is what keeps the program alive."""


def _read(ours: socket.socket, tell: Callable[[], object]) -> None:
    while numbers := ours.recv(64):
        for number in numbers:
            if number in _ENDING:
                tell()
