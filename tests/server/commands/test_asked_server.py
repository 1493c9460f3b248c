from pathlib import Path

import pytest

from server.commands.asked_server import URL_VARIABLE, AskedServer, asked_server
from server.commands.options import settle
from server.errors import DrawbridgeError

PATH = "/v1/chat/completions"


def found(folder: Path, **flags: object) -> AskedServer:
    given = {"data_dir": str(folder), **flags}
    return asked_server(settle(given, unprefixed=False), given)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://127.0.0.1:8082", AskedServer("127.0.0.1", 8082, key="secret")),
        ("http://localhost:8082/v1/", AskedServer("localhost", 8082, key="secret")),
        ("http://localhost", AskedServer("localhost", 80, key="secret")),
        ("http://[::1]:9/api/v1", AskedServer("::1", 9, "/api" + PATH, key="secret")),
        ("https://bridge.example/x", AskedServer("bridge.example", 443, "/x" + PATH, is_https=True)),
    ],
)
def test_the_address_in_the_environment_goes_first_and_only_this_computer_gets_the_own_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, server: AskedServer
) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    monkeypatch.setenv("DRAWBRIDGE_API_KEY", "secret")
    assert found(tmp_path) == server
    assert found(tmp_path, api_key="given").key == "given"


@pytest.mark.parametrize("url", ["localhost:8082", "ftp://x", "http://", "http://x:port", "http://[::1"])
def test_what_is_no_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(DrawbridgeError, match="BRIDGE_URL is"):
        found(tmp_path)


def test_without_it_the_running_server_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, " ")
    with pytest.raises(DrawbridgeError, match="No server is running"):
        found(tmp_path)
