"""Reading the releases feed, from a local HTTP server with good and bad responses."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from tray.control.updates import releases_feed as releases
from tray.control.updates.releases_feed import (
    FeedUnreadable,
    feed_for,
    is_newer,
    newest_in,
    newest_tag,
    page_for,
    version_of,
)


def release(tag: object, **more: object) -> dict[str, object]:
    return {"tag_name": tag, "draft": False, "prerelease": False, **more}


class _Handler(BaseHTTPRequestHandler):
    reply: ClassVar[tuple[int, bytes]] = (200, b"[]")
    seen: ClassVar[list[Any]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers)))
        status, body = self.reply
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def feed() -> Iterator[tuple[str, type[_Handler]]]:
    handler = type("Handler", (_Handler,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/feed", handler
        server.shutdown()
        thread.join()


def test_the_newest_release_of_a_feed_is_found(feed: tuple[str, type[_Handler]]) -> None:
    url, handler = feed
    handler.reply = (200, json.dumps([release("v1.2.0"), release("v1.10.0"), release("v1.9.9")]).encode())
    assert newest_tag(url) == "v1.10.0"
    ((path, headers),) = handler.seen
    assert path == "/feed"
    assert headers["User-Agent"] == "Drawbridge"
    # No header that could identify a computer.
    assert set(headers) <= {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


def test_the_proxy_of_the_settings_is_asked(feed: tuple[str, type[_Handler]]) -> None:
    url, handler = feed
    handler.reply = (200, json.dumps([release("v1.2.0")]).encode())
    # The name has no address, so only the proxy can have answered.
    assert newest_tag("http://feed.invalid/releases", url.removesuffix("/feed")) == "v1.2.0"
    assert handler.seen[0][0] == "http://feed.invalid/releases"


@pytest.mark.parametrize(
    "reply",
    [
        (200, b""),
        (200, b"<html>sign in to the hotel's network</html>"),
        (200, b"\xff\xfe"),
        (200, b'{"message": "not found"}'),
        (200, b'["v1.2"]'),
        (200, b"[" * 100_000),
        (200, b" " * (releases.MAX_BYTES + 1)),
        (403, b'{"message": "API rate limit exceeded"}'),
        (404, b"{}"),
        (500, b""),
        (302, b""),
    ],
)
def test_a_bad_response_raises_feed_unreadable(feed: tuple[str, type[_Handler]], reply: tuple[int, bytes]) -> None:
    url, handler = feed
    handler.reply = reply
    with pytest.raises(FeedUnreadable):
        newest_tag(url)


def test_being_offline_raises_feed_unreadable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(FeedUnreadable, match="URLError"):
        newest_tag(f"http://127.0.0.1:{port}/")


def test_a_feed_that_does_not_respond_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "TIMEOUT_S", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(FeedUnreadable, match=r"timed out"),
    ):
        newest_tag(f"http://127.0.0.1:{server.getsockname()[1]}/")


@pytest.mark.parametrize(
    ("feed", "newest"),
    [
        ([], None),
        ([release("v2.0", draft=True), release("v1.2")], "v1.2"),
        ([release("v2.0", prerelease=True), release("v1.2")], "v1.2"),
        ([release("v2.0rc1"), release("2.0-beta"), release("nightly"), release(""), release("v1.2")], "v1.2"),
        ([release(None), release(7), {}, release("1.2")], "1.2"),
        ([release("v1.2/../../evil"), release("v1.2\n"), release("https://example.org/1.2")], None),
        ([release(f"v{'9' * 5000}")], None),
    ],
)
def test_only_published_plain_versions_count(feed: list[dict[str, object]], newest: str | None) -> None:
    assert newest_in(feed) == newest


@pytest.mark.parametrize(
    ("tag", "own", "newer"),
    [
        ("v1.2", "1.1.9", True),
        ("v1.10", "1.9", True),
        ("v1.2", "1.2.0", False),
        ("v1.2.0", "1.2", False),
        ("v1.1", "1.2", False),
        ("v1.2", "1.2.0rc1", True),
        ("v1.2", "1.2.dev3", True),
        ("v1.2", "1.3.0rc1", False),
        ("v1.2", "1.2.0+local", False),
        # A clone that was never installed has no version.
        ("v1.2", "0", False),
        ("v1.2", "", False),
        ("", "1.2", False),
    ],
)
def test_what_counts_as_newer(tag: str, own: str, newer: bool) -> None:
    assert is_newer(tag, own) is newer


@pytest.mark.parametrize("address", ["https://github.com/some/bridge", "https://github.com/some/bridge.git/"])
def test_the_addresses_of_a_github_project(address: str) -> None:
    assert feed_for(address) == "https://api.github.com/repos/some/bridge/releases?per_page=10"
    assert page_for(address, "v1.2") == "https://github.com/some/bridge/releases/tag/v1.2"
    assert version_of("v1.2") == version_of("1.2") == "1.2"


@pytest.mark.parametrize(
    "address",
    [None, "", "https://example.org/some/bridge", "http://github.com/some/bridge", "https://github.com/some", "x"],
)
def test_a_project_elsewhere_has_no_feed(address: str | None) -> None:
    assert feed_for(address) is None
