"""`drawbridge` and `python -m tray`: the commands; the desktop comes to them later."""

import sys

from server.commands.root import run


def main() -> None:
    """The entry of the installed command."""
    sys.exit(run())


if __name__ == "__main__":
    main()
