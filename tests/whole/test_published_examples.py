"""Every example of curl and Python in the READMEs of four other bridges, against the real Claude Code.

The READMEs' other commands install and start those bridges, and run their own tests.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.pictures import PNG
from tests.whole.bridge import Bridge, conversation_of
from tests.whole.published import FOLDER, output_of, published

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = "It is done."
LIBRARY = {"from claudebridge.client": "from server.client"}
COMMAND = {"claudebridge.client": "server.client"}


@dataclass(frozen=True)
class Example:
    """What is run, what is asked upstream, and how often the answer is shown. `changes` besides the base URL."""

    files: tuple[str, ...]
    asks: tuple[str, ...]
    shows: int
    changes: Mapping[str, str] = field(default_factory=dict)


EXAMPLES = (
    Example(("claudebridge-curl.sh",), ("Hello!", "Hello!"), 2),
    Example(("claudebridge-client.txt", "claudebridge-streaming.txt"), ("Hello!", "Tell me a story"), 2),
    Example(
        ("claudebridge-command.sh",),
        ("What is Python?", "Hello\n", "Explain decorators", "Quick answer", "Hello", "Hello", "Hello"),
        7,
        COMMAND,
    ),
    Example(("claudebridge-library.txt",), ("Hello!", "Hello!", "Tell me a story"), 3, LIBRARY),
    Example(("claude-code-bridge-curl.sh",), ("Hello!", "Hello!"), 2),
    Example(("claude-code-bridge-client.txt",), ("Hello!",), 1),
    Example(
        ("claude-openai-bridge-client.txt", "claude-openai-bridge-streaming.txt"), ("Hello!", "Tell me a story"), 1
    ),
    Example(("wrapper-curl.sh",), ("What is 2 + 2?", "Write a Python hello world script"), 2),
    Example(("wrapper-client.txt",), ("What files are in the current directory?", "Explain quantum computing"), 2),
    Example(
        ("wrapper-sessions.txt",),
        ("Hello! My name is Alice and I'm learning Python.", "What's my name and what am I learning?"),
        0,
    ),
)
# Run in tests of their own.
OTHERS = {
    "claude-openai-bridge-vision.txt",
    "wrapper-sessions-curl.sh",
    "wrapper-session-endpoints.sh",
    "wrapper-auth-status.sh",
}


def asked(standin: Standin) -> list[str]:
    """The question of each request that arrived upstream, without Claude Code's notes for older models before it."""
    texts = [str(conversation_of(request.body)[-1][1]) for request in standin.requests]
    return [text.rpartition("</system-reminder>")[2].lstrip("\n|") for text in texts]


@pytest.fixture(autouse=True)
def answering(standin: Standin) -> None:
    standin.script(lambda _: say(ANSWER))
    standin.requests.clear()


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.files[-1].partition(".")[0] for example in EXAMPLES])
async def test_a_published_example_runs_unchanged(bridge: Bridge, standin: Standin, example: Example) -> None:
    text = published(*example.files, bridge=bridge, changes=example.changes)
    is_shell = example.files[0].endswith(".sh")
    code, out, complaints = await output_of(
        text,
        is_shell=is_shell,
        BRIDGE_URL=bridge.url.removesuffix("/v1"),
    )
    assert code == 0, complaints
    assert out.count(ANSWER) == example.shows, out
    assert asked(standin) == [*example.asks]


async def test_every_published_example_is_run() -> None:
    files = {path.name for path in FOLDER.iterdir() if path.suffix in {".sh", ".txt"}}
    assert {name for example in EXAMPLES for name in example.files} | OTHERS == files


async def test_a_conversation_of_the_wrappers_example_is_kept(bridge: Bridge, standin: Standin) -> None:
    await bridge.client.delete("/sessions/my-learning-session")
    code, _, complaints = await output_of(published("wrapper-sessions.txt", bridge=bridge), is_shell=False)
    assert code == 0, complaints
    assert len(conversation_of(standin.requests[-1].body)) == 3


async def test_the_wrappers_sessions_with_curl(bridge: Bridge, standin: Standin) -> None:
    # The apostrophe in the second question ends the string of the shell, so as printed it runs nowhere.
    code, _, complaints = await output_of(published("wrapper-sessions-curl.sh", bridge=bridge), is_shell=True)
    assert code != 0
    assert "quot" in complaints.lower()
    await bridge.client.delete("/sessions/my-session")
    standin.requests.clear()
    text = published("wrapper-sessions-curl.sh", bridge=bridge, changes={"What's": r"What'\''s"})
    code, out, complaints = await output_of(text, is_shell=True)
    assert code == 0, complaints
    assert out.count(ANSWER) == 2
    texts = [text for _, text in conversation_of(standin.requests[-1].body)]
    assert texts[0].endswith("My favorite color is blue.")
    assert texts[1:] == [ANSWER, "What's my favorite color?"]
    text = published("wrapper-session-endpoints.sh", bridge=bridge, changes={"\n\n": "\necho\n"})
    code, out, complaints = await output_of(text, is_shell=True)
    assert code == 0, complaints
    listed, read, deleted = map(json.loads, out.splitlines())
    assert "my-session" in [one["session_id"] for one in listed["sessions"]]
    assert (read["session_id"], read["message_count"]) == ("my-session", 4)
    assert deleted["deleted"] is True


async def test_the_wrappers_question_for_the_sign_in(bridge: Bridge) -> None:
    code, out, complaints = await output_of(published("wrapper-auth-status.sh", bridge=bridge), is_shell=True)
    assert code == 0, complaints
    assert "payer" in out


async def test_claude_openai_bridges_example_with_a_picture(bridge: Bridge, standin: Standin) -> None:
    files = ("claude-openai-bridge-client.txt", "claude-openai-bridge-vision.txt")
    code, _, complaints = await output_of(published(*files, bridge=bridge), is_shell=False)
    # It has three dots where the picture belongs.
    assert code == 1
    assert "BadRequestError" in complaints
    assert "messages[0].content[1]" in complaints
    picture = b64encode(PNG).decode()
    changes = {"base64,...": f"base64,{picture}"}
    code, _, complaints = await output_of(published(*files, bridge=bridge, changes=changes), is_shell=False)
    assert code == 0, complaints
    body: Any = standin.requests[-1].body
    *_, text, image = body["messages"][-1]["content"]
    assert text["text"] == "What's in this image?"
    assert image["source"] == {"type": "base64", "media_type": "image/png", "data": picture}
