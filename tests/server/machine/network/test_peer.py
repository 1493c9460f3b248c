import os
import socket
import subprocess
import sys

import pytest

from server.machine.network.peer import Address, is_other_user
from tests.otheruser import UID, curl_as_other_user

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS do not tell who owns a socket")
OWN = os.getuid() if hasattr(os, "getuid") else 0
OTHER = OWN + 4711


def connected(listen: str, to: str) -> tuple[list[socket.socket], Address, Address]:
    families = {True: socket.AF_INET6, False: socket.AF_INET}
    listener = socket.create_server((listen, 0), family=families[":" in listen])
    caller = socket.socket(families[":" in to])
    caller.connect((to, listener.getsockname()[1]))
    accepted, client = listener.accept()
    return [listener, caller, accepted], client[:2], accepted.getsockname()[:2]


@pytest.mark.parametrize(
    ("listen", "to"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        # A client's IPv6 socket that calls an IPv4 address.
        ("127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
def test_the_owner_of_the_other_end_decides(listen: str, to: str) -> None:
    sockets, client, server = connected(listen, to)
    try:
        assert not is_other_user(client, server)
        # Root, as which the tests may run, is never another user.
        assert is_other_user(client, server, own=OTHER) is (OWN != 0)
    finally:
        for each in sockets:
            each.close()


def test_an_end_that_is_not_there_or_not_on_this_computer_is_not_another_users() -> None:
    assert not is_other_user(("127.0.0.1", 1), ("127.0.0.1", 2))
    assert not is_other_user(("192.168.1.20", 1), ("192.168.1.7", 2))
    assert not is_other_user(("", 0), ("127.0.0.1", 2))


def test_a_process_of_another_user_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        curl = subprocess.Popen(curl_as_other_user(url), cwd="/", stdout=subprocess.DEVNULL)
        accepted, client = listener.accept()
        with accepted:
            assert is_other_user(client, accepted.getsockname())
            assert not is_other_user(client, accepted.getsockname(), own=UID)
        curl.wait(10)
