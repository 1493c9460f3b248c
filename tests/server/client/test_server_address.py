"""Which server the client library asks, and which key that gets."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from server.client import BridgeClient
from server.client.server_address import MODEL_VARIABLE, ServerAddress, find_server
from server.commands.asked_server import URL_VARIABLE
from server.errors import DrawbridgeError
from server.machine.instance import Instance, claim

RUNNING = Instance(1, "::1", 9, "token", "1", "http://[::1]:9/v1")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder without a server, and an environment that names none."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in (URL_VARIABLE, MODEL_VARIABLE, "DRAWBRIDGE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DRAWBRIDGE_DATA_DIR", str(folder))
    monkeypatch.setenv("DRAWBRIDGE_API_KEY", "secret")
    return folder


@pytest.mark.parametrize(
    ("url", "server", "root"),
    [
        ("http://127.0.0.1:8082", ServerAddress("http://127.0.0.1:8082/v1", "secret"), "http://127.0.0.1:8082"),
        (" http://localhost:8082/v1/ ", ServerAddress("http://localhost:8082/v1", "secret"), "http://localhost:8082"),
        # claudebridge's own base URL.
        (
            "http://localhost:8082/api/v1",
            ServerAddress("http://localhost:8082/api/v1", "secret"),
            "http://localhost:8082",
        ),
        ("http://[::1]:9", ServerAddress("http://[::1]:9/v1", "secret"), "http://[::1]:9"),
        ("https://bridge.example/x", ServerAddress("https://bridge.example/x/v1", "none"), "https://bridge.example/x"),
    ],
)
def test_an_address_is_taken_in_any_form_and_only_this_computer_gets_the_own_key(
    monkeypatch: pytest.MonkeyPatch, url: str, server: ServerAddress, root: str
) -> None:
    assert find_server(url) == server
    assert find_server(url).root == root
    monkeypatch.setenv(URL_VARIABLE, url)
    assert find_server() == server
    assert find_server("http://127.0.0.1:1").base_url == "http://127.0.0.1:1/v1"
    assert find_server(key="given").key == "given"


@pytest.mark.parametrize("url", ["localhost:8082", "ftp://x", "http://", "http://x:port", "http://[::1", "http://x:0"])
def test_what_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(DrawbridgeError, match="base_url is"):
        BridgeClient(url)
    monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(DrawbridgeError, match="BRIDGE_URL is"):
        BridgeClient()


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_address_is_none(monkeypatch: pytest.MonkeyPatch, data: Path, blank: str | None) -> None:
    if blank is not None:
        monkeypatch.setenv(URL_VARIABLE, blank)
    assert find_server(blank).base_url == "http://127.0.0.1:8082/v1"
    with claim(data) as claimed:
        claimed.publish(RUNNING)
        assert find_server(blank) == ServerAddress("http://[::1]:9/v1", "secret")
    # A server that was killed leaves its file.
    (data / "server.json").write_text(json.dumps(asdict(RUNNING)))
    assert find_server(blank).base_url == "http://127.0.0.1:8082/v1"
