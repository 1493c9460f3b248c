"""`drawbridge` and `python -m tray`: the commands, and without one the desktop."""

import multiprocessing
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from server.machine.std_streams import mend_streams

if TYPE_CHECKING:
    from server.commands.findings import Finding


def main() -> None:
    """The entry of the installed command."""
    # First of all: in a frozen app a child of this module is started by the app's own program, with other arguments.
    multiprocessing.freeze_support()
    mend_streams()
    # After that: what is imported here may open files.
    from server.commands.root import run

    sys.exit(run(desktop=_desktop, tray=_detect_tray))


def _desktop(flags: Mapping[str, object]) -> int:
    # Lazy: `drawbridge status` draws no icon.
    from tray.app import run_desktop

    return run_desktop(flags)


def _detect_tray() -> "Finding":
    # Lazy, as above.
    from tray.desktop.tray_detection import detect_tray

    return detect_tray()


if __name__ == "__main__":
    main()
