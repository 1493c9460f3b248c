"""`drawbridge` and `python -m tray`: the commands, and without one the desktop."""

import sys
from collections.abc import Mapping

from server.commands.root import run


def main() -> None:
    """The entry of the installed command."""
    sys.exit(run(desktop=_desktop))


def _desktop(flags: Mapping[str, object]) -> int:
    # Lazy: `drawbridge status` draws no icon.
    from tray.app import run_desktop

    return run_desktop(flags)


if __name__ == "__main__":
    main()
