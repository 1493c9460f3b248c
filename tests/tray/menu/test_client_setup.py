import ast
import json
import os
import shlex
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.tray.states import APPS, GOLDEN, connect_texts
from tray.commands import ClientApp
from tray.menu.client_setup import ANY_KEY, MISSING_KEY, text_for

TEXTS = dict(connect_texts())
URL = "http://127.0.0.1:8083/v1"
# A valid key that every shell and file format must quote.
ODD_KEY = """it's "odd" $HOME \\ `x` #"""


def text(
    app: ClientApp, *, key: str | None = None, url: str = URL, model: str = "sonnet", windows: bool = False
) -> str:
    return text_for(app, base_url=url, model=model, key_required=key is not None, key=key, windows=windows)


class TestTexts:
    @pytest.mark.parametrize("name", TEXTS)
    def test_each_text_matches_its_golden_file(self, name: str) -> None:
        assert TEXTS[name] == (GOLDEN / "connect" / f"{name}.txt").read_text(encoding="utf-8")

    def test_no_golden_text_is_left_over(self) -> None:
        assert {path.stem for path in (GOLDEN / "connect").glob("*.txt")} == set(TEXTS)

    @pytest.mark.parametrize("app", APPS)
    def test_every_text_has_the_real_port(self, app: ClientApp) -> None:
        assert "127.0.0.1:8083/v1" in text(app)

    @pytest.mark.parametrize("app", APPS)
    def test_the_key_is_included_only_if_it_is_required(self, app: ClientApp) -> None:
        assert "db-secret" in text(app, key="db-secret")
        public = text_for(app, base_url=URL, model="sonnet", key_required=False, key="db-secret")
        assert "db-secret" not in public
        assert ANY_KEY in public or app == "curl"

    @pytest.mark.parametrize("app", APPS)
    def test_a_key_that_cannot_be_read_leaves_a_placeholder(self, app: ClientApp) -> None:
        assert MISSING_KEY in text_for(app, base_url=URL, model="sonnet", key_required=True, key=None)


class TestTalon:
    def test_the_endpoint_is_the_full_url(self) -> None:
        assert f'    user.model_endpoint = "{URL}/chat/completions"\n' in text("talon")

    def test_its_python_lines_set_the_variable(self) -> None:
        lines = [line[1:].strip() for line in text("talon", key=ODD_KEY).splitlines() if line.startswith("#     ")]
        tree = ast.parse("\n".join(lines))
        assert ast.unparse(tree.body[1]) == f"os.environ['OPENAI_API_KEY'] = {ODD_KEY!r}"


class TestContinue:
    def test_its_values_are_quoted_as_yaml_reads_them(self) -> None:
        block = text("continue", key=ODD_KEY, model="claude: opus")
        given = dict(
            line.strip().split(": ", 1) for line in block.splitlines() if line.startswith("    ") and ": " in line
        )
        assert json.loads(given["apiKey"]) == ODD_KEY
        assert json.loads(given["apiBase"]) == URL
        assert json.loads(given["model"]) == "claude: opus"
        assert given["useLegacyCompletionsEndpoint"] == "false"


class TestOpenWebUi:
    def test_in_docker_the_computer_has_another_name_and_the_same_port(self) -> None:
        assert "http://host.docker.internal:8083/v1\n" in text("open webui")


class _Recorder(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None, object]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, self.headers["authorization"], body))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name in the base class
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str | None, object]]]]:
    """Something that listens, and what was sent to it."""
    handler = type("Recorder", (_Recorder,), {"seen": []})
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/v1", handler.seen  # type: ignore[attr-defined] # just made
        listening.shutdown()
        thread.join()


class TestCurl:
    @pytest.mark.parametrize("key", [None, "db-4fT", ODD_KEY])
    def test_a_shell_reads_one_command_with_its_body(self, key: str | None) -> None:
        words = shlex.split(text("curl", key=key))
        assert words[:2] == ["curl", f"{URL}/chat/completions"]
        assert json.loads(words[words.index("-d") + 1])["model"] == "sonnet"
        assert (f"Authorization: Bearer {key}" in words) == (key is not None)

    def test_windows_reads_the_same_words(self) -> None:
        line = text("curl", key="db-4fT", windows=True).strip()
        assert "'" not in line
        # Its rule for a quote inside of quotes, as far as it matters here.
        assert shlex.split(line) == shlex.split(text("curl", key="db-4fT"))

    @pytest.mark.skipif(sys.platform == "win32", reason="a command for sh; Windows has its own")
    def test_pasted_into_a_shell_it_asks_the_server(
        self, server: tuple[str, list[tuple[str, str | None, object]]]
    ) -> None:
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed: apt-get install curl")
        url, seen = server
        environment = {**os.environ, "NO_PROXY": "*"}
        done = subprocess.run(
            ["sh", "-c", text("curl", url=url, key=ODD_KEY)], env=environment, capture_output=True, timeout=30
        )
        assert (done.returncode, done.stdout) == (0, b"{}")
        ((path, authorization, body),) = seen
        assert (path, authorization) == ("/v1/chat/completions", f"Bearer {ODD_KEY}")
        assert body == {"model": "sonnet", "messages": [{"role": "user", "content": "Say hello in five words."}]}
