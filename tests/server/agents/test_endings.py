"""How an answer of an agent ends: by its limits, its client, or a silent Claude. Nothing that it started is left."""

import asyncio
import json
import os
import sys

import httpx
import pytest

from server.standin.script import Pause, Reply, Usage, call, say
from tests.server.agents.scene import Agency, Person, acts, agents_here, marked, run, says

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="the commands are Linux's; not macOS or Windows"),
]
BODY = {"model": "sonnet@demo", "messages": [{"role": "user", "content": "Go."}]}
# No other test sleeps for so long.
LONG = f"sleep {1_000_000 + os.getpid()}"
# A child in a session of its own, which outlives its parent, and one that ignores polite signals.
STARTS = f"setsid {LONG} & sh -c 'trap : HUP INT TERM; while :; do {LONG}; done' & touch begun; {LONG}"


async def refused(agency: Agency) -> httpx.Response:
    async with agency.plain_client() as client:
        return await client.post("/v1/chat/completions", json=BODY)


async def until_begun(agency: Agency) -> None:
    async with asyncio.timeout(60):
        while not (agency.folder / "begun").exists():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["disconnect", "stop", "time"])
@pytest.mark.parametrize("is_sandboxed", [False, True], ids=["no sandbox", "sandbox"])
async def test_nothing_is_left_of_a_command(agency: Agency, how: str, is_sandboxed: bool) -> None:
    agency.become(permission="full")
    if not is_sandboxed:
        agency.without_sandbox()
    agency.person.decision = "once"
    if how == "time":
        # Long enough for a busy computer to begin the command.
        agency.configure(agent_minutes=0.3)
    agency.standin.script(acts(run(STARTS)), says("never"))
    streamed = {**BODY, "stream": True}
    async with agency.plain_client() as client, client.stream("POST", "/v1/chat/completions", json=streamed) as answer:
        await until_begun(agency)
        assert marked(LONG)
        if how == "stop":
            (listed,) = (await client.get("/v1/requests")).json()["data"]
            assert (await client.delete(f"/v1/requests/{listed['id']}")).status_code == 200
        if how != "disconnect":
            async with asyncio.timeout(60):
                text = (await answer.aread()).decode()
            assert ("more than 0.3 minutes" if how == "time" else "stopped") in text
    await agency.at_rest()
    assert marked(LONG) == []
    assert agents_here(agency) == []
    # The process of the pool is there, too.
    assert [one for one in marked(str(agency.engine.agents._context.scratch.root)) if one.name() != "claude"] == []
    assert len(agency.standin.requests) == 1


async def test_an_answer_ends_at_its_limit_of_cost(agency: Agency) -> None:
    dear = Usage(input_tokens=100_000, output_tokens=100)
    read = call("Read", {"file_path": str(agency.folder / "notes.txt")})
    agency.configure(agent_cost_usd=0.5)
    agency.standin.script(lambda _: Reply((read,), stop_reason="tool_use", usage=dear))
    answer = await refused(agency)
    assert answer.status_code == 500
    assert "more than 0.5 US dollars" in answer.text
    # The third one would cost more.
    assert len(agency.standin.requests) == 3


async def test_a_silent_claude_is_an_error_but_a_long_command_is_not(agency: Agency) -> None:
    agency.become(permission="full")
    agency.configure(timeout_s=8.0)
    assert await agency.does(run("python3 -c 'import time; time.sleep(11)'")) == "Done."
    agency.standin.script(say("Half", before_stop=(Pause(30),)))
    answer = await refused(agency)
    assert answer.status_code == 504
    assert "sent nothing for 8 s" in answer.text


async def test_an_open_question_is_no_silence(agency: Agency) -> None:
    agency.become(permission="full")
    agency.without_sandbox()
    agency.configure(timeout_s=6.0)

    class Slow(Person):
        async def ask(self, question: object) -> None:
            await asyncio.sleep(8)

    agency.engine.agents.approvals = Slow()
    assert await agency.does(run("touch made.txt")) == "Done."
    assert not (agency.folder / "made.txt").exists()


@pytest.mark.parametrize("counts", [True, False])
async def test_the_projects_claude_md_counts_if_the_project_says_so_and_its_hooks_never(
    agency: Agency, counts: bool
) -> None:
    (agency.folder / "CLAUDE.md").write_text("Always answer in rhymes.\n")
    settings = agency.folder / ".claude" / "settings.json"
    settings.parent.mkdir()
    hook = {"type": "command", "command": f"touch {agency.folder}/hooked"}
    hooks = {event: [{"matcher": "*", "hooks": [hook]}] for event in ("PreToolUse", "SessionStart", "UserPromptSubmit")}
    settings.write_text(json.dumps({"hooks": hooks, "permissions": {"allow": ["Bash(*)"]}}))
    agency.become(reads_claude_md=counts)
    await agency.does(call("Read", {"file_path": str(agency.folder / "notes.txt")}))
    assert ("Always answer in rhymes." in str(agency.upstream()[0])) is counts
    assert not (agency.folder / "hooked").exists()


async def test_the_web_is_a_switch_of_its_own(agency: Agency) -> None:
    fetch = call("WebFetch", {"url": "http://127.0.0.1:1/", "prompt": "x"})
    await agency.does(fetch)
    assert agency.results()[0]["is_error"]
    assert not {"WebFetch", "WebSearch"} & {one["name"] for one in agency.upstream()[0]["tools"]}
    agency.standin.requests.clear()
    agency.become(web=True)
    await agency.does(call("Read", {"file_path": str(agency.folder / "notes.txt")}))
    assert {"WebFetch", "WebSearch"} <= {one["name"] for one in agency.upstream()[0]["tools"]}
    assert agency.person.questions == []
