"""Standard streams where there are none: a windowed program, or one started with them closed, still prints and logs."""

import os
import sys
from contextlib import suppress
from pathlib import Path


def mend_streams() -> None:
    """Gives the process the standard streams that it lacks, to nowhere. To be called before anything opens a file."""
    with suppress(OSError):
        # A closed one is the number of the next file that is opened: a socket would then be what a child writes to.
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)  # noqa: FBT003 # its only way
        os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Open as long as the process lives, as the one that it would have been given.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 # as above
