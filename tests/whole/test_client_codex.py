"""Codex, unmodified and headless, in both set-ups: reads, edits and runs, resumes, compacts, and stops at errors."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from server.standin.script import Reply, Script, Text, Thinking, call, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import blocks_of, offered, spoken
from tests.whole.codex import ONE_LINE, PROVIDER, Codex, installed, results_of, texts_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

BEFORE, AFTER = "Dear bridge, hold.\n", "Dear bridge, held.\n"
ORDER = "Put letter.txt into the past."


@pytest.fixture(params=[PROVIDER, ONE_LINE], ids=["provider", "one line"])
async def codex(request: pytest.FixtureRequest, bridge: Bridge, agents: Path, folder: Path) -> Codex:
    found = installed(agents, bridge, folder, request.param)
    (found.desk / "letter.txt").write_text(BEFORE)
    return found


@dataclass
class Worker:
    """Reads and edits the letter by the shell, thinking first, and answers everything else with text."""

    def __call__(self, recorded: Recorded) -> Script:
        body = recorded.body
        match len(results_of(body)):
            case 0 if ORDER in texts_of(body)[-1]:
                shell = call("exec_command", {"cmd": "cat letter.txt"})
                return Reply((Thinking(("I read it.",)), Text(("Let me read it.",)), shell), stop_reason="tool_use")
            case 1:
                edit = "sed -i s/hold/held/ letter.txt"
                calls = (call("exec_command", {"cmd": edit}), call("exec_command", {"cmd": "echo second"}))
                return Reply(calls, stop_reason="tool_use")
        return say("It is ", "done.")


async def test_a_session_reads_edits_resumes_and_keeps_its_thoughts(codex: Codex, standin: Standin) -> None:
    standin.script(Worker())
    told = await codex.run(ORDER)
    assert (codex.desk / "letter.txt").read_text() == AFTER
    assert "It is done." in told
    # One answer of Claude for each request of Codex: the call, two calls, the end.
    assert len(standin.requests) == 3
    assert "exec_command" in offered(standin.requests[0].body)
    read, *both = results_of(standin.requests[-1].body)
    assert BEFORE.strip() in read
    assert len(both) == 2
    again = await codex.run("resume", "--last", "And now?")
    assert "It is done." in again
    assert len(standin.requests) == 4
    body = standin.requests[-1].body
    assert "And now?" in texts_of(body)[-1]
    (thought,) = [b for m in spoken(body) for b in blocks_of(m["content"]) if b["type"] == "thinking"]
    assert (thought["thinking"], thought["signature"]) == ("I read it.", Thinking(()).signature)


@pytest.mark.parametrize("codex", [PROVIDER], ids=["provider"], indirect=True)
async def test_a_call_in_a_namespace_is_run(codex: Codex, standin: Standin) -> None:
    def claude(recorded: Recorded) -> Script:
        if results_of(recorded.body):
            return say("No agents.")
        return Reply((call("close_agent", {"target": "nobody"}),), stop_reason="tool_use")

    standin.script(claude)
    assert "No agents." in await codex.run("List the agents.")
    (result,) = results_of(standin.requests[-1].body)
    assert "unsupported call" not in result


@pytest.mark.parametrize("codex", [PROVIDER], ids=["provider"], indirect=True)
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (refuse(401), "Claude"),
        (refuse(400, "prompt is too long: 300000 tokens > 200000 maximum"), "context window"),
    ],
    ids=["sign-in", "context"],
)
async def test_what_does_not_heal_is_sent_once(codex: Codex, standin: Standin, failure: Script, said: str) -> None:
    standin.script(lambda _: failure)
    told = await codex.run("Hi", fails=True)
    assert said in told
    assert len(standin.requests) == 1


@pytest.mark.parametrize("codex", [ONE_LINE], ids=["one line"], indirect=True)
async def test_a_compaction_keeps_the_conversation(codex: Codex, standin: Standin) -> None:
    config = codex.home / "config.toml"
    config.write_text(config.read_text() + "model_auto_compact_token_limit = 10\n")

    def claude(recorded: Recorded) -> Script:
        asks = "that will replace it" in texts_of(recorded.body)[-1]
        return say("SUMMARY OF ALL") if asks else say("Fine.")

    standin.script(claude)
    assert "Fine." in await codex.run("One thing.")
    assert "Fine." in await codex.run("resume", "--last", "Another thing.")
    last = texts_of(standin.requests[-1].body)
    assert any("SUMMARY OF ALL" in text for text in last)
