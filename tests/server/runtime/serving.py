"""A running server with a small application in place of ours, and requests to it."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from server.config import Config
from server.machine.files.paths import Folders
from server.runtime.runner import Runner
from tests.server.fake_server import FakeBackend

WAIT_S = 60.0


@contextmanager
def running(backend: FakeBackend, config: Config | None = None, **more: Any) -> Iterator[Runner]:
    runner = Runner(
        config or Config(port=0),
        token="t",
        folders=Folders(Path("/nowhere"), Path("/nowhere"), Path("/nowhere")),
        open_engine=backend.open_engine,
        create_app=backend.create_app,
        **more,
    )
    runner.start()
    try:
        yield runner
    finally:
        backend.go()
        runner.stop(0)
        assert runner.wait(WAIT_S)


def get(port: int, path: str, host: str = "127.0.0.1", **headers: str) -> tuple[int, dict[str, Any]]:
    with closing(http.client.HTTPConnection(host, port, timeout=WAIT_S)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@contextmanager
def slow_request(port: int) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
        connection.request("GET", "/slow")
        response = connection.getresponse()
        assert response.read1(6) == b"begun "
        yield response


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits, bounded, for what another thread does."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def refuses(port: int, host: str = "127.0.0.1") -> bool:
    # A reset: it closes just now.
    with suppress(ConnectionResetError):
        try:
            socket.create_connection((host, port), timeout=5).close()
        except ConnectionRefusedError:
            return True
    return False
