"""Opens missing standard streams, as in a windowed program or one that was started with them closed."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO


def silence(stream: TextIO) -> None:
    """Lets writes to a stream whose reader has gone succeed. Python would otherwise end with the exit code 120."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def mend_streams() -> None:
    """Opens the missing standard streams on the null device. Must be called before anything else opens a file."""
    with suppress(OSError):
        # The next opened file would get a closed stream's number: a child would then write its output to a socket.
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)  # noqa: FBT003 # positional only
        os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It stays open as long as the process lives.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 # as above
