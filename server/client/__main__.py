"""`python -m server.client "..."`, the same as `drawbridge ask`."""

import sys

from server.machine.processes.std_streams import mend_streams

if __name__ == "__main__":
    mend_streams()
    # Only now: imports may open files.
    from server.commands.root import run

    sys.exit(run(["ask", *sys.argv[1:]]))
