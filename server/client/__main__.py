"""`python -m server.client "..."`, the same as `drawbridge ask`, with the model of claudebridge's variable."""

import os
import sys

from server.machine.processes.std_streams import mend_streams

if __name__ == "__main__":
    mend_streams()
    # Only now: imports may open files.
    from server.client.server_address import MODEL_VARIABLE
    from server.commands.root import run

    # An option that comes later replaces it.
    model = os.environ.get(MODEL_VARIABLE)
    sys.exit(run(["ask", *(["--model", model] if model else []), *sys.argv[1:]]))
