"""`python -m server`: the same as `drawbridge serve`."""

import sys

from server.commands.root import run

if __name__ == "__main__":
    sys.exit(run(["serve", *sys.argv[1:]]))
