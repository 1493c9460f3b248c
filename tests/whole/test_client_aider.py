"""Aider, unmodified: it edits a program, sees its check fail, edits again, and commits both."""

import json
from pathlib import Path

import pytest

from server.standin.script import Script, say
from server.standin.server import Recorded, Standin
from tests.installed import run
from tests.whole.bridge import Bridge
from tests.whole.calling import spoken
from tests.whole.programs import printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

PROGRAM = 'def greet(name: str) -> str:\n    return "Hello"\n'
CHECK = 'from greeting import greet\n\nassert greet("Ada") == "Hello, Ada!", greet("Ada")\n'
FIRST, SECOND = '    return f"Hello, {name}"', '    return f"Hello, {name}!"'


def replacing(old: str, new: str) -> Script:
    """An edit as aider wants it written."""
    return say(
        "Here it is.\n\ngreeting.py\n", f"```python\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n"
    )


def programmer(recorded: Recorded) -> Script:
    """Forgets the exclamation mark until it sees the check fail."""
    if "Git commit messages" in json.dumps(recorded.body["system"]):
        return say("fix: greet by name")
    (*_, last) = spoken(recorded.body)
    failed = "AssertionError: Hello, Ada" in json.dumps(last["content"])
    return replacing(FIRST, SECOND) if failed else replacing('    return "Hello"', FIRST)


async def test_aider_edits_until_its_check_passes(bridge: Bridge, standin: Standin, aider: Path, folder: Path) -> None:
    (folder / "greeting.py").write_text(PROGRAM)
    (folder / "check.py").write_text(CHECK)
    who = (["config", "user.name", "Nobody"], ["config", "user.email", "nobody@localhost"])
    for arguments in (["init", "--quiet"], *who, ["add", "."], ["commit", "--quiet", "--message", "start"]):
        run(["git", *arguments], folder=folder, reason="aider cannot work")
    standin.script(programmer)
    account = {"OPENAI_API_BASE": bridge.url, "OPENAI_API_KEY": "anything"}
    quiet = ["--analytics-disable", "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings"]
    work = ["--edit-format", "diff", "--yes-always", "--no-pretty", "--map-tokens", "0", "--no-gitignore"]
    check = ["--test-cmd", "python3 check.py", "--auto-test", "--no-detect-urls", "--no-suggest-shell-commands"]
    order = ["--message", "Greet by name.", "greeting.py"]
    command = [str(aider), "--model", "openai/sonnet", *quiet, *work, *check, *order]
    await printed(bridge, *command, folder=folder, **account)
    assert (folder / "greeting.py").read_text() == PROGRAM.replace('    return "Hello"', SECOND)
    log = await printed(bridge, "git", "log", "--format=%s", folder=folder)
    assert log.splitlines() == ["fix: greet by name", "fix: greet by name", "start"]
