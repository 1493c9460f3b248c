"""A server without a desktop follows the addresses of this computer, as one with an icon does."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from server.commands import serve
from server.commands.options import settle
from server.config import Config
from server.machine.files.paths import find_folders
from server.machine.instance import read_instance
from server.runtime.runner import Runner
from tests.ports import free_port
from tests.server.fake_server import FakeBackend
from tests.server.runtime.serving import get, refuses, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no second loopback address")


def test_a_new_address_is_opened_and_one_that_is_gone_is_closed(
    settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_WAIT_S", 0.05)
    settings(f'port = {(port := free_port())}\nreach = "lan"\napi_key = "k"\n')
    hosts, backend, made = ["127.0.0.2"], FakeBackend(), list[Runner]()

    def make(config: Config, **more: Any) -> Runner:
        parts: dict[str, Any] = {
            "open_engine": backend.open_engine,
            "create_app": backend.create_app,
            "hosts": lambda: tuple(hosts),
        }
        made.append(Runner(config, **more, **parts))
        return made[0]

    def move() -> None:
        try:
            wait_for(lambda: bool(made) and not refuses(port, "127.0.0.2"))
            hosts[:] = ["127.0.0.3"]
            wait_for(lambda: not refuses(port, "127.0.0.3") and refuses(port, "127.0.0.2"))
            assert get(port, "/status", host="127.0.0.3")[0] == 401
            wait_for(lambda: made[0].status.lan_addresses == (f"127.0.0.3:{port}",))
            # Other commands still find it.
            assert read_instance(find_folders().data) is not None
        finally:
            made[0].stop(0)

    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move)
        assert serve.serve_until_stopped(settle({}, unprefixed=False), make) == 0
        moving.result()
