"""The computer's own names are hosts of the listener for other devices, and of no other."""

import socket

import pytest

from server.config import Config
from server.machine.network.own_names import own_names
from server.web.access.policy import policy_for


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Desk", ("desk", "desk.local")),
        ("MY_PC", ("my_pc", "my_pc.local")),
        ("desk.home.arpa", ("desk", "desk.local", "desk.home.arpa")),
        ("localhost", ()),
        ("localhost.localdomain", ()),
        ("", ()),
        ("a b", ()),
    ],
)
def test_the_names_of_a_computer(monkeypatch: pytest.MonkeyPatch, name: str, names: tuple[str, ...]) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert own_names() == names


def test_only_the_listener_for_other_devices_answers_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "desk")
    config = Config(reach="lan", api_key="key")
    assert {"desk", "desk.local", "host.docker.internal"} == policy_for(config, "lan").hosts
    assert policy_for(config, "local").hosts == {"host.docker.internal"}
    # Another network gives the computer another name.
    monkeypatch.setattr(socket, "gethostname", lambda: "guest-7")
    assert {"guest-7", "guest-7.local", "host.docker.internal"} == policy_for(config, "lan").hosts
