"""A request for others: nothing in it names the user."""

import json
import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.contents.export import curl_command, exported, masked

KEPT = {
    "id": "req_1",
    "record": {"app": "Talon"},
    "path": "/v1/chat/completions",
    "request": {"text": '{\n  "messages": [{"content": "It\'s in /home/ada/notes, write to ada@example.org"}]\n}'},
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/notes", "/home/(user)/notes"),
        ("/Users/ada lives", "/Users/(user) lives"),
        ("C:\\Users\\Ada\\x", "C:\\Users\\(user)\\x"),
        ('"C:\\\\Users\\\\Ada\\\\x"', '"C:\\\\Users\\\\(user)\\\\x"'),
        ("/Users/Shared/x", "/Users/Shared/x"),
        ("mail ada.b+c@mail.example.org now", "mail (e-mail) now"),
        ("sk-ant-api03-0123456789abcdef", "sk-ant-[redacted]"),
    ],
)
def test_names_and_keys_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(st.text(max_size=300))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_an_export_has_record_and_contents_or_says_that_there_are_none() -> None:
    text = json.dumps(exported({"app": "/home/ada/bin"}, KEPT, version="1.0"))
    assert "ada" not in text
    assert "/home/(user)/notes" in text
    assert exported({"app": "Talon"}, None, version="1.0") == {
        "drawbridge": "1.0",
        "record": {"app": "Talon"},
        "contents": "not kept",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shell of Unix")
def test_the_command_for_curl_is_one_that_a_shell_reads() -> None:
    command = curl_command(KEPT, "http://127.0.0.1:8082")
    out = subprocess.run(
        ["sh", "-c", command.replace("curl ", "printf '%s\\n' ", 1)],
        env={"KEY": "the-key"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert out[0] == "http://127.0.0.1:8082/v1/chat/completions"
    assert "Authorization: Bearer the-key" in out
    assert json.loads(out[-1])["messages"][0]["content"].startswith("It's in")
    assert "$KEY" in command
    assert shlex.split(command)[0] == "curl"
