"""The instructions as files of their languages, with a key that every one of them must quote."""

import ast
import json
import os
import re
import shlex
import shutil
import socketserver
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from server.connect.clients import CLIENTS, TITLES, ClientName, client_named
from server.connect.instructions import ANY_KEY, MISSING_KEY, Setup, Snippet, instructions_for
from server.errors import DrawbridgeError
from tests.server.connect.pages import DEFAULTS, PAGES, client_pages

URL = "http://127.0.0.1:8083/v1"
OPEN = Setup(URL, "sonnet", is_windows=False)
# A valid key that every shell and file format must quote.
ODD_KEY = """it's "odd" $HOME \\ `x` #"""
ODD = Setup(URL, "claude-opus-5[1m]", requires_key=True, key=ODD_KEY, is_windows=False)
SETUPS = {"open": OPEN, "odd key": ODD, "windows": replace(ODD, is_windows=True)}


def first(client: ClientName, setup: Setup = OPEN) -> str:
    return instructions_for(client, setup).snippets[0].text


def snippets() -> list[Any]:
    return [
        pytest.param(snippet, setup, id=f"{client}, {name}, {number}")
        for client in CLIENTS
        for name, setup in SETUPS.items()
        for number, snippet in enumerate(instructions_for(client, setup).snippets)
    ]


class TestPages:
    @pytest.mark.parametrize(("path", "text"), [pytest.param(*page, id=page[0].stem) for page in client_pages()])
    def test_the_manual_has_what_the_command_prints(self, path: Path, text: str) -> None:
        """`python -m tests.server.connect.pages` rewrites the pages."""
        assert path.read_text(encoding="utf-8") == text

    def test_no_page_and_no_template_is_left_over(self) -> None:
        templates = PAGES.parents[1] / "connect"
        assert {path.stem for path in PAGES.iterdir()} == set(CLIENTS) == {path.stem for path in templates.iterdir()}

    @pytest.mark.parametrize("client", CLIENTS)
    def test_every_page_has_the_title_and_something_to_type(self, client: ClientName) -> None:
        found = instructions_for(client, DEFAULTS)
        assert found.text.startswith(f"# {TITLES[client]}\n")
        assert found.snippets
        # No placeholder, condition or block of our own is left.
        assert not re.search(r"\$(?!schema)[a-z_]+\b|^\[(no )?key\]|^```(env|curl)", found.text, re.MULTILINE)


class TestValues:
    @pytest.mark.parametrize("client", CLIENTS)
    def test_every_text_has_the_real_port(self, client: ClientName) -> None:
        text = instructions_for(client, OPEN).text
        assert "127.0.0.1:8083" in text
        assert "8082" not in text

    @pytest.mark.parametrize("client", CLIENTS)
    def test_the_key_is_included_only_if_it_is_required(self, client: ClientName) -> None:
        assert "db-secret" in instructions_for(client, replace(OPEN, requires_key=True, key="db-secret")).text
        public = instructions_for(client, replace(OPEN, key="db-secret")).text
        assert "db-secret" not in public
        assert ANY_KEY in public or client in {"curl", "llm", "codex"}

    @pytest.mark.parametrize("client", CLIENTS)
    def test_a_key_that_cannot_be_read_leaves_a_placeholder(self, client: ClientName) -> None:
        assert MISSING_KEY in instructions_for(client, replace(OPEN, requires_key=True)).text

    def test_no_key_is_in_a_representation(self) -> None:
        setup = replace(OPEN, requires_key=True, key="db-secret")
        assert "db-secret" not in f"{setup!r} {instructions_for('cline', setup)!r}"

    def test_in_docker_the_computer_has_another_name_and_the_same_port(self) -> None:
        assert "http://host.docker.internal:8083/v1\n" in first("open-webui")


class TestLanguages:
    @pytest.mark.parametrize(("snippet", "setup"), snippets())
    def test_each_is_valid(self, snippet: Snippet, setup: Setup) -> None:
        match snippet.language:
            case "python":
                compile(snippet.text, "snippet", "exec")
            case "json":
                json.loads(snippet.text)
            case "toml":
                tomllib.loads(snippet.text)
            case "yaml":
                assert all(re.fullmatch(r" *(#.*|- .+|[a-z_A-Z]+:( .+)?)", line) for line in snippet.text.splitlines())
            case "sh" if not setup.is_windows and os.name == "posix":
                done = subprocess.run(["sh", "-n", "-c", snippet.text], capture_output=True, text=True)
                assert (done.returncode, done.stderr) == (0, "")
            case language:
                assert language in {"sh", "powershell", "js", "text", "talon"}

    def test_values_survive_their_quotes(self) -> None:
        codex = tomllib.loads(first("codex", ODD))
        assert codex["model"] == ODD.model
        assert codex["model_providers"]["drawbridge"]["http_headers"] == {"Authorization": f"Bearer {ODD_KEY}"}
        opencode = json.loads(first("opencode", ODD))
        assert opencode["model"] == f"drawbridge/{ODD.model}"
        assert opencode["provider"]["drawbridge"]["options"] == {"baseURL": URL, "apiKey": ODD_KEY}
        tree = ast.parse(first("openai-python", ODD))
        assert ODD_KEY in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}

    def test_continues_values_are_quoted_as_yaml_reads_them(self) -> None:
        block = first("continue", replace(ODD, model="claude: opus"))
        given = dict(
            line.strip().split(": ", 1) for line in block.splitlines() if line.startswith("    ") and ": " in line
        )
        assert json.loads(given["apiKey"]) == ODD_KEY
        assert json.loads(given["apiBase"]) == URL
        assert json.loads(given["model"]) == "claude: opus"
        assert given["useLegacyCompletionsEndpoint"] == "false"

    @pytest.mark.skipif(os.name != "posix", reason="variables for sh")
    def test_a_shell_reads_the_variables(self) -> None:
        script = first("claude-code", ODD) + 'printf %s "$ANTHROPIC_API_KEY"'
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
        assert done.stdout == ODD_KEY

    def test_windows_has_its_own_variables(self) -> None:
        text = first("claude-code", replace(ODD, is_windows=True))
        assert f"$env:ANTHROPIC_API_KEY = '{ODD_KEY.replace(chr(39), chr(39) * 2)}'\n" in text


class TestTalon:
    def test_the_endpoint_is_the_full_url(self) -> None:
        assert f'    user.model_endpoint = "{URL}/chat/completions"\n' in first("talon")

    def test_its_python_lines_set_the_variable(self) -> None:
        lines = [line[1:].strip() for line in first("talon", ODD).splitlines() if line.startswith("#     ")]
        tree = ast.parse("\n".join(lines))
        assert ast.unparse(tree.body[1]) == f"os.environ['OPENAI_API_KEY'] = {ODD_KEY!r}"


class TestNames:
    @pytest.mark.parametrize(
        ("typed", "client"),
        [
            ("open-webui", "open-webui"),
            ("Open WebUI", "open-webui"),
            ("openwebui", "open-webui"),
            ("claude_code", "claude-code"),
            ("Vercel's AI SDK", "ai-sdk"),
        ],
    )
    def test_spellings(self, typed: str, client: str) -> None:
        assert client_named(typed) == client

    @pytest.mark.parametrize(
        ("typed", "hint"), [("codx", "codex"), ("openai", "openai-python or openai-node"), ("", "list")]
    )
    def test_an_unknown_name_gets_a_suggestion(self, typed: str, hint: str) -> None:
        with pytest.raises(DrawbridgeError) as caught:
            client_named(typed)
        assert hint in caught.value.hint


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
        words = shlex.split(first("curl", replace(OPEN, requires_key=key is not None, key=key)))
        assert words[:2] == ["curl", f"{URL}/chat/completions"]
        assert json.loads(words[words.index("-d") + 1])["model"] == "sonnet"
        assert (f"Authorization: Bearer {key}" in words) == (key is not None)

    def test_windows_reads_the_same_words(self) -> None:
        setup = replace(OPEN, requires_key=True, key="db-4fT")
        line = first("curl", replace(setup, is_windows=True)).strip()
        assert "'" not in line
        # Its rule for a quote inside of quotes, as far as it matters here.
        assert shlex.split(line) == shlex.split(first("curl", setup))

    @pytest.mark.skipif(sys.platform == "win32", reason="a command for sh; Windows has its own")
    def test_pasted_into_a_shell_it_asks_the_server(
        self, server: tuple[str, list[tuple[str, str | None, object]]]
    ) -> None:
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed: apt-get install curl")
        url, seen = server
        command = first("curl", replace(ODD, base_url=url))
        environment = {**os.environ, "NO_PROXY": "*"}
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, timeout=30)
        assert (done.returncode, done.stdout) == (0, b"{}")
        ((path, authorization, body),) = seen
        assert (path, authorization) == ("/v1/chat/completions", f"Bearer {ODD_KEY}")
        question = {"role": "user", "content": "Say hello in five words."}
        assert body == {"model": ODD.model, "messages": [question]}
