"""Apps by the heads of their requests, as recorded from the real ones."""

import pytest

from server.journal.apps import app_of

CURSOR = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Cursor/0.45.15 Chrome/128 Electron/32"
TALON = {"model": "gpt-4o-mini", "max_tokens": 2024, "n": 1, "messages": []}


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"user-agent": "claude-cli/2.1.329 (external, sdk-py)"}, "Claude Code"),
        ({"user-agent": "codex_exec/0.171.0 (Linux)", "originator": "codex_exec"}, "Codex"),
        ({"user-agent": "Cursor/1.7"}, "Cursor"),
        ({"user-agent": CURSOR, "origin": "vscode-file://vscode-app"}, "Cursor"),
        ({"user-agent": "OpenAI/Python 3.52.0"}, "OpenAI Python"),
        ({"user-agent": "AsyncOpenAI/Python 3.52.0"}, "OpenAI Python"),
        ({"user-agent": "Anthropic/JS 0.70"}, "Anthropic JavaScript"),
        ({"user-agent": "OpenAI/JS 6.1", "x-title": "Cline", "http-referer": "https://cline.bot"}, "Cline"),
        ({"user-agent": "ollama-python/0.6.0 (x86_64 linux)"}, "Ollama Python"),
        ({"user-agent": "python-requests/2.32"}, "Python requests"),
        ({"user-agent": "Mozilla/5.0 Firefox/140.0", "origin": "http://localhost:3000"}, "localhost:3000"),
        ({"user-agent": "Mozilla/5.0", "origin": "capacitor://app"}, "capacitor"),
        ({"user-agent": "Mozilla/5.0 Firefox/140.0"}, "browser"),
        ({"user-agent": "MyApp/3 (beta)"}, "MyApp"),
        ({"user-agent": "("}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_an_app_has_the_name_that_a_person_knows_it_by(headers: dict[str, str], name: str) -> None:
    assert app_of(headers) == name


def test_talon_is_known_by_its_body() -> None:
    head = {"user-agent": "python-requests/2.32"}
    assert app_of(head, TALON) == "Talon"
    assert app_of(head, {**TALON, "stream": True}) == "Python requests"
    assert app_of(head, [TALON]) == "Python requests"


@pytest.mark.parametrize("agent", ["", "node", "Mozilla/5.0", "axios/1.7"])
def test_cursors_check_is_known_by_its_body(agent: str) -> None:
    system = {"role": "system", "content": "You are a helpful assistant."}
    check = {"role": "user", "content": "Test prompt using gpt-3.5-turbo"}
    body = {"model": "gpt-4o", "messages": [system, check], "temperature": 1, "max_tokens": 10, "stream": False}
    assert app_of({"user-agent": agent}, body) == "Cursor"
    assert app_of({"user-agent": agent}, {**body, "messages": [system]}) != "Cursor"
    assert app_of({"user-agent": agent}, {**body, "messages": "Test"}) != "Cursor"


def test_a_name_is_short_and_without_control_characters() -> None:
    assert app_of({"x-title": "\x1b[31m" + "x" * 100 + "\n"}) == "[31m" + "x" * 36
