"""`drawbridge ask -n`: several answers at once."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from server.commands.asked_server import URL_VARIABLE
from server.commands.root import run

Reply = Callable[[int], tuple[int, dict[str, object]]]
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("home")


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, reply: Reply) -> Iterator[None]:
    """BRIDGE_URL names a server that answers each request with `reply` of its number."""
    numbers = iter(range(100))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body = reply(next(numbers))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(URL_VARIABLE, f"http://127.0.0.1:{server.server_address[1]}")
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def said(text: str) -> tuple[int, dict[str, object]]:
    return 200, {"choices": [{"message": {"content": text}}]}


def test_several_questions_are_asked_at_once(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    # None is answered before all have come.
    together = threading.Barrier(3)

    def reply(_: int) -> tuple[int, dict[str, object]]:
        together.wait(30)
        return said("yes")

    with answering(monkeypatch, reply):
        assert run(["ask", "--no-stream", "-n", "3", "hello"]) == 0
    assert capsys.readouterr().out == "yes\n\nyes\n\nyes\n"


def test_more_questions_than_are_asked_at_once(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    with answering(monkeypatch, lambda number: said(str(number))):
        assert run(["ask", "--no-stream", "-n", "20", "hello"]) == 0
    assert sorted(map(int, capsys.readouterr().out.split())) == list(range(20))


def test_an_error_leaves_the_other_answers(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def reply(number: int) -> tuple[int, dict[str, object]]:
        return (429, {"error": {"message": "Too many."}}) if number == 1 else said("yes")

    with answering(monkeypatch, reply):
        assert run(["ask", "--no-stream", "-n", "3", "hello"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "yes\n\nyes\n"
    assert captured.err.startswith("The server refused the question: Too many.")
