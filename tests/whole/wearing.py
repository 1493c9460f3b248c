"""`python -m tests.whole.wearing`: the server with workers that retire after 30 conversations."""

import sys

from server.claude.worker import worker as client
from server.commands.root import run

MOST_CONVERSATIONS = 30

if __name__ == "__main__":
    client.MOST_CONVERSATIONS = MOST_CONVERSATIONS
    sys.exit(run(["serve", *sys.argv[1:]]))
