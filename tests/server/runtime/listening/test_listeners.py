"""Opening and closing listeners on real sockets."""

import asyncio
import socket
from contextlib import closing
from typing import Any

import pytest

from server.config import Config
from server.machine.network.sockets import ListenerName, Listeners, open_listeners
from server.runtime.listening.listeners import ListenerSet
from server.web.interfaces import App


def app_for(name: ListenerName) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(name)

    return app


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def opened() -> Listeners:
    return open_listeners(Config(port=0, sources={"host": "flag", "port": "flag"}))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_failed_change_closes_the_new_sockets_and_keeps_the_old_ones() -> None:
    listener_set, old, new, broken = ListenerSet(app_for), opened(), opened(), opened()
    with closing(old):
        await listener_set.change(old, grace_s=0.0)
        broken.close()
        both = Listeners((*new.local, *broken.local), (), new.addresses, new.host, new.port, new.control)
        with pytest.raises((OSError, ValueError, SystemExit)):
            await listener_set.change(both, grace_s=0.0)
        for _ in range(200):
            if not accepts(new.port):
                break
            await asyncio.sleep(0.01)
        assert not accepts(new.port)
        assert accepts(old.port)
        await listener_set.close(0.0)
    assert not accepts(old.port)
