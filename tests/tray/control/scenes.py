"""What the tests of the controller share."""

import socket
import sys
from collections.abc import Callable

import pytest

from tests.tray.scene import Scene

MakeScene = Callable[..., Scene]

several_loopbacks = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no second loopback address")


def refuses(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return True
    return False


def has_ended(scene: Scene, count: int) -> bool:
    """Whether the server number `count` has ended and the controller knows."""
    return len(scene.runners) == count and scene.controller._supervisor.server is None
