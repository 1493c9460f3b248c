"""`drawbridge` and `python -m tray`: runs a command, or the desktop app without one."""

import multiprocessing
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from server.machine.processes.std_streams import mend_streams

if TYPE_CHECKING:
    from server.commands.checks.findings import Finding


def main() -> None:
    """The installed command."""
    # First: in a frozen app, child processes of multiprocessing run this program with other arguments.
    multiprocessing.freeze_support()
    mend_streams()
    # Imported after `mend_streams`, since it may open files.
    from server.commands.root import run

    sys.exit(run(desktop=_desktop, tray=_detect_tray))


def _desktop(flags: Mapping[str, object]) -> int:
    # Imported here: `drawbridge status` needs no icon.
    from tray.app import run_desktop

    return run_desktop(flags)


def _detect_tray() -> "Finding":
    # Imported here, as above.
    from tray.desktop.tray_detection import detect_tray

    return detect_tray()


if __name__ == "__main__":
    main()
