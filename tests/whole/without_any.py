"""The app on a computer without any Claude Code: `python -m tests.whole.without_any`."""

from server.claude.cli import locate as cli
from server.runtime import engine as services
from tray.__main__ import main


def nowhere() -> None:
    """Where the Claude Code that we carry is."""


if __name__ == "__main__":
    for module in (cli, services):
        setattr(module, "bundled_cli", nowhere)  # noqa: B010 # what is imported there is not its own
    main()
