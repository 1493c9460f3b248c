"""The demo says that it is one, and describes the request."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from server.standin.demo import DEMO_KEY, demo_answer, open_demo
from server.standin.http_connection import Request
from server.standin.script import Pause, Reply, Script, Text, ToolUse
from server.standin.server import Recorded
from server.standin.validation.request import check
from tests.server.standin.bodies import HEADERS, USER, assistant, body, text, tool, user_message

TEMPTING = {
    "PATH": "/usr/bin",
    "LANG": "en_GB.UTF-8",
    "LC_ALL": "C",
    "SystemRoot": "C:\\Windows",
    "HOME": "/home/ada",
    "ANTHROPIC_API_KEY": "sk-true",
    "ANTHROPIC_AUTH_TOKEN": "true",
    "ANTHROPIC_BASE_URL": "https://elsewhere.example",
    "ANTHROPIC_MODEL": "other",
    "ANTHROPIC_CUSTOM_HEADERS": "x: y",
    "CLAUDE_CODE_OAUTH_TOKEN": "true",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "CLAUDE_CODE_USE_VERTEX": "1",
    "CLAUDE_CONFIG_DIR": "/home/ada/.claude",
    "CLAUDE_SECURESTORAGE_CONFIG_DIR": "/home/ada/.claude",
    "AWS_PROFILE": "work",
    "AWS_SECRET_ACCESS_KEY": "true",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/ada/key.json",
    "HTTPS_PROXY": "http://proxy.example",
    "https_proxy": "http://proxy.example",
    "ALL_PROXY": "socks5://proxy.example",
    "NODE_EXTRA_CA_CERTS": "/home/ada/ca.pem",
    "NODE_OPTIONS": "--require /home/ada/x.js",
    "XDG_CONFIG_HOME": "/home/ada/.config",
    "DRAWBRIDGE_API_KEY": "true",
}


def recorded(**changes: object) -> Recorded:
    raw = json.dumps(body(**changes)).encode()
    request = Request("POST", "/v1/messages", HEADERS, raw, len(raw))
    assert check(request) is None, check(request)
    return Recorded(1, request)


def deltas(script: Script) -> list[str]:
    assert isinstance(script, Reply)
    found: list[str] = []
    for block in script.parts:
        assert isinstance(block, Text | ToolUse)
        found += [delta for delta in block.deltas if isinstance(delta, str)]
    return found


def answer(**changes: object) -> str:
    return "".join(deltas(demo_answer(recorded(**changes))))


def test_it_says_that_no_model_answered_and_how_to_sign_in() -> None:
    shown = answer()
    assert shown.startswith("This is Drawbridge's demo: no Claude model answered.")
    assert 'You wrote: "hi"' in shown
    assert "without --demo" in shown


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({}, "with 0 earlier turns and no system prompt."),
        ({"messages": [USER, assistant(text("a")), USER]}, "with 2 earlier turns and no system prompt."),
        ({"messages": [USER, USER]}, "with 1 earlier turn and no"),
        ({"messages": [USER, {"role": "system", "content": "# Environment"}]}, "with 0 earlier turns and no"),
        ({"system": "x" * 400}, "and a system prompt of 400 characters."),
        (
            {"system": [text("x-anthropic-billing-header: a"), text("You are a Claude agent, built on"), text("abc")]},
            "and a system prompt of 3 characters.",
        ),
        ({"tools": [tool()]}, "with 0 earlier turns, no system prompt and 1 tool."),
        ({"tools": [tool("a"), tool("b")], "system": "x"}, "a system prompt of 1 characters and 2 tools."),
        ({"model": "claude-haiku-5-5"}, "for the model claude-haiku-5-5,"),
    ],
)
def test_it_describes_the_request(changes: dict[str, object], fact: str) -> None:
    assert fact in answer(**changes)


def test_it_quotes_the_users_text_and_not_the_clis() -> None:
    reminder = text("<system-reminder>\nThe date is today.\n</system-reminder>")
    shown = answer(messages=[user_message(reminder, text("How  are\nyou?"), text("Well?"))])
    assert 'You wrote: "How are you? Well?"' in shown
    assert "date" not in shown


def test_a_long_question_is_truncated() -> None:
    assert f'You wrote: "{"a" * 200}..."' in answer(messages=[user_message(text("a" * 500))])


def test_a_question_without_text_is_answered_too() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    assert "It holds no text of yours." in answer(messages=[user_message(image)])


def test_words_are_sent_one_by_one_with_gaps() -> None:
    script = demo_answer(recorded(), gap_s=0.5)
    assert isinstance(script, Reply)
    (block,) = script.parts
    assert isinstance(block, Text)
    assert block.deltas[0] == "This"
    assert block.deltas[1] == Pause(0.5)
    assert len(deltas(script)) > 20
    assert script.usage.output_tokens == len(deltas(script))
    assert script.usage.input_tokens > 0


def test_the_token_limit_applies() -> None:
    script = demo_answer(recorded(max_tokens=3))
    assert isinstance(script, Reply)
    assert deltas(script) == ["This", " is", " Drawbridge's"]
    assert script.stop_reason == "max_tokens"
    whole = len(deltas(demo_answer(recorded())))
    for most, reason in ((whole - 1, "max_tokens"), (whole, "end_turn")):
        limited = demo_answer(recorded(max_tokens=most))
        assert isinstance(limited, Reply)
        assert (len(deltas(limited)), limited.stop_reason) == (most, reason)
    nothing = demo_answer(recorded(max_tokens=0))
    assert isinstance(nothing, Reply)
    assert nothing.parts == ()


def test_the_first_stop_sequence_ends_the_text() -> None:
    script = demo_answer(recorded(stop_sequences=["answered", "demo", "nowhere"]))
    assert isinstance(script, Reply)
    assert "".join(deltas(script)) == "This is Drawbridge's "
    assert (script.stop_reason, script.stop_sequence) == ("stop_sequence", "demo")


def test_a_forced_tool_is_called_with_its_required_fields() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "integer"}},
        "required": ["city", "unit"],
    }
    tools = [tool("other"), tool("weather", schema)]
    script = demo_answer(recorded(tools=tools, tool_choice={"type": "tool", "name": "weather"}))
    assert isinstance(script, Reply)
    (block,) = script.parts
    assert isinstance(block, ToolUse)
    assert block.name == "weather"
    assert json.loads("".join(deltas(script))) == {"city": "a demo value, not from Claude", "unit": "C"}
    assert script.stop_reason == "tool_use"
    first = demo_answer(recorded(tools=tools, tool_choice={"type": "any"}))
    assert isinstance(first, Reply)
    assert isinstance(first.parts[0], ToolUse)
    assert first.parts[0].name == "other"


@pytest.mark.parametrize("choice", [None, {"type": "auto"}, {"type": "none"}])
def test_a_tool_that_is_not_forced_is_not_called(choice: object) -> None:
    assert "Drawbridge's demo" in answer(tools=[tool()], tool_choice=choice)


def test_an_output_schema_is_filled() -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    script = demo_answer(recorded(output_config={"format": {"type": "json_schema", "schema": schema}}))
    assert json.loads("".join(deltas(script))) == {"ok": True}


async def test_nothing_that_selects_an_account_or_a_proxy_is_inherited() -> None:
    async with open_demo(TEMPTING) as demo:
        environment = dict(demo.environment)
        home = environment["HOME"]
        assert list(Path(home).iterdir()) == []
    assert not Path(home).exists()
    assert environment == {
        "PATH": "/usr/bin",
        "LANG": "en_GB.UTF-8",
        "LC_ALL": "C",
        "SystemRoot": "C:\\Windows",
        **dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), home),
        "ANTHROPIC_BASE_URL": demo.standin.url,
        "ANTHROPIC_API_KEY": DEMO_KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
    }


async def test_it_answers_on_its_address_and_records_nothing() -> None:
    async with open_demo(TEMPTING, gap_s=0) as demo, httpx.AsyncClient(headers=HEADERS) as http:
        response = await http.post(f"{demo.environment['ANTHROPIC_BASE_URL']}/v1/messages", json=body())
        (block,) = response.json()["content"]
        assert block["text"].startswith("This is Drawbridge's demo: no Claude model answered.")
        assert demo.standin.requests == []


def test_the_demo_imports_nothing_heavy() -> None:
    probe = "import server.standin.demo, sys; print({'anthropic', 'claude_agent_sdk', 'pydantic'} & set(sys.modules))"
    seen = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"
