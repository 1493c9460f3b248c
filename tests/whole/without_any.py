"""`python -m tests.whole.without_any`: the app on a computer without any Claude Code."""

from server.claude.cli import locate as cli
from server.runtime import engine as services
from tray.__main__ import main


def nowhere() -> None:
    """Replaces `bundled_cli`: there is none."""


if __name__ == "__main__":
    for module in (cli, services):
        setattr(module, "bundled_cli", nowhere)  # noqa: B010 # what is imported there is not its own
    main()
