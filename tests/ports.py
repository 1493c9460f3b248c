"""TCP ports for tests that run beside each other."""

import os
import random
import socket
from collections.abc import Sequence

# Below the ports that Linux, macOS and Windows give to outgoing connections, and above Drawbridge's own.
_PORTS = range(10_000, 32_000)
# Unlike the global generator, seeded differently in each process.
_random = random.SystemRandom()


def free_port() -> int:
    """Returns a port on which nothing listens. The next call in any process very likely returns another one."""
    while not is_free(port := _random.choice(_PORTS)):
        pass
    return port


def free_one_of(ports: Sequence[int]) -> int:
    """Returns a port of `ports` on which nothing listens; another one in each worker of pytest-xdist."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    # The first one is often the default, which other tests use.
    first = (worker + 1) % len(ports)
    return next(port for port in (*ports[first:], *ports[:first]) if is_free(port))


def is_free(port: int) -> bool:
    """Whether a server on this computer could listen on `port`."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
