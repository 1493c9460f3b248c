"""Claude Code itself as a client of the server: a session with its own tools, which run here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.claude.cli.locate import bundled_cli
from server.standin.script import Script, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import Caller, blocks_of, offered, spoken
from tests.whole.programs import printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

CLI = bundled_cli()
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}


@dataclass
class Coder(Caller):
    """Writes a file with Bash, reads it and edits it, then answers."""

    file: Path = Path()

    def __call__(self, recorded: Recorded) -> Script:
        if "Bash" not in offered(recorded.body):
            return say("A title")
        match len(results(recorded)):
            case 0:
                return self.calling("I write it.", ("Bash", {"command": f"echo hello > {self.file}; echo written"}))
            case 1:
                return self.calling("I read it.", ("Read", {"file_path": str(self.file)}))
            case 2:
                change = {"file_path": str(self.file), "old_string": "hello", "new_string": "goodbye"}
                return self.calling("I edit it.", ("Edit", change))
        return say("It is ", "done.")


def results(recorded: Recorded) -> list[str]:
    """The text of each result in a request. Claude Code adds arguments to its calls, so those are not compared."""
    blocks = [block for message in spoken(recorded.body) for block in blocks_of(message["content"])]
    return [str(block["content"]) for block in blocks if block["type"] == "tool_result"]


async def claude(bridge: Bridge, folder: Path, *options: str, **more: str) -> Any:
    """Runs Claude Code once and returns its report."""
    home = folder / "client"
    home.mkdir(exist_ok=True)
    address = {"ANTHROPIC_BASE_URL": bridge.url.removesuffix("/v1"), "ANTHROPIC_API_KEY": "anything"}
    command = [str(CLI), "-p", "--output-format", "json", "--model", "claude-sonnet-5", *options]
    settings = {**address, **QUIET, "HOME": str(home), "USERPROFILE": str(home), **more}
    return json.loads(await printed(bridge, *command, folder=folder, **settings))


async def test_a_session_with_its_own_tools(bridge: Bridge, standin: Standin, folder: Path) -> None:
    coder = Coder(file=folder / "notes.txt")
    standin.script(coder)
    report = await claude(bridge, folder, "--allowedTools", "Bash,Read,Edit", "--", "Write, read and edit a file.")
    assert (report["is_error"], report["result"]) == (False, "It is done.")
    assert coder.file.read_text() == "goodbye\n"
    main = [request for request in standin.requests if "Bash" in offered(request.body)]
    assert len(main) == 4
    written, read, edited = results(main[-1])
    assert "written" in written
    assert "hello" in read
    assert "updated" in edited


async def test_an_error_is_shown_and_asked_for_once(bridge: Bridge, standin: Standin, folder: Path) -> None:
    standin.script(lambda _: refuse(403, "the test wants it"))
    home = folder / "client"
    home.mkdir()
    with pytest.raises(AssertionError, match="the test wants it"):
        await claude(bridge, folder, "--", "hi")
    assert len(standin.requests) == 1
