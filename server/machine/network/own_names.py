"""The names by which other devices of the network know this computer."""

import re
import socket

# Windows allows the underscore, too.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def own_names() -> tuple[str, ...]:
    """Its name, and the same in the domain `local`, as multicast DNS announces it. Empty for a name without use.

    Read each time: some systems take another name from each network.
    """
    full = socket.gethostname().lower().rstrip(".")
    name = full.partition(".")[0]
    # `localhost` is the name of every computer, and would let no one in.
    if not _NAME.fullmatch(name) or name == "localhost":
        return ()
    return tuple(dict.fromkeys((name, f"{name}.local", full)))
