"""A server without a bundled Claude Code: `python -m tests.whole.without_bundled`."""

import sys
from functools import partial

from server.commands.root import run
from server.runtime.engine import open_engine
from server.runtime.runner import Runner

if __name__ == "__main__":
    sys.exit(
        run(
            ["serve", *sys.argv[1:]],
            make_runner=partial(Runner, open_engine=partial(open_engine, find_bundled=lambda: None)),
        )
    )
