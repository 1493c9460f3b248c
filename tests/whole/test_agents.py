"""An agent of a whole server edits and tests a repository for OpenAI's client."""

import json
import sys
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from server.standin.script import call
from server.standin.server import Standin
from tests.server.agents.scene import acts, results_in, run, says, words
from tests.whole.agents import working

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox of commands is Linux's; not macOS or Windows"),
]
RIGHT = "def add(a, b):\n    return a + b\n"
CHECK = "python3 -c 'from sums import add; assert add(2, 2) == 4; print(add(2, 2), chr(111) + chr(107))'"


async def test_an_agent_lists_reads_edits_and_tests_a_repository(standin: Standin, short_folder: Path) -> None:
    async with working(standin, short_folder, "full") as (bridge, work):
        path = str(work / "sums.py")
        standin.script(
            acts(call("Glob", {"pattern": "*.py"})),
            acts(call("Read", {"file_path": path})),
            acts(run(CHECK)),
            acts(call("Edit", {"file_path": path, "old_string": "a - b", "new_string": "a + b"})),
            acts(run(CHECK)),
            says("It adds now."),
        )
        async with AsyncOpenAI(base_url=bridge.url, api_key="none", max_retries=0) as openai:
            answer = await openai.chat.completions.create(
                model="sonnet@shop", messages=[{"role": "user", "content": "Repair add."}]
            )
        message = answer.choices[0].message
        assert message.content is not None
        assert message.content.endswith("It adds now.")
        assert not message.tool_calls
        assert (work / "sums.py").read_text() == RIGHT
        listed, read, failed, edited, tested = results_in(standin.requests[-1].body)
        assert "sums.py" in words(listed)
        assert "a - b" in words(read)
        assert "AssertionError" in words(failed)
        assert not edited.get("is_error")
        assert "4 ok" in words(tested)


async def test_a_request_that_asks_for_fewer_tools_gets_no_others(standin: Standin, short_folder: Path) -> None:
    async with working(standin, short_folder, "edit") as (bridge, work):
        path = str(work / "sums.py")
        edit = call("Edit", {"file_path": path, "old_string": "a - b", "new_string": "a + b"})
        before = (work / "sums.py").read_text()
        body = {"model": "sonnet@shop", "session_id": "s", "messages": [{"role": "user", "content": "Repair add."}]}
        for headers in ({"x-claude-allowed-tools": "Read,Bash"}, {"x-claude-permission-mode": "plan"}):
            standin.script(acts(edit), says("I may not."))
            reply = await bridge.post(body, headers=headers)
            assert reply.json()["choices"][0]["message"]["content"].endswith("I may not.")
            (denied,) = results_in(standin.requests[-1].body)[-1:]
            assert denied["is_error"]
            assert (work / "sums.py").read_text() == before
            tools = json.dumps(standin.requests[-1].body["tools"])
            assert ('"name": "Read"' in tools, '"name": "Edit"' in tools) == (True, False)
        assert reply.headers["x-drawbridge-way"] != "agent held"
        # The next one without the headers has what the project allows, although it is the same session.
        standin.script(acts(call("Read", {"file_path": path})), acts(edit), says("It adds now."))
        await bridge.post(body)
        assert (work / "sums.py").read_text() == RIGHT
