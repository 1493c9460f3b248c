"""What is asked, and what each decision does: in a process without a sandbox, where each command is asked."""

import asyncio
import sys

import httpx
import pytest

from server.standin.script import call
from tests.server.agents.scene import Agency, acts, run, says, words

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="commands of Windows are others"),
]


@pytest.fixture
def full(agency: Agency) -> Agency:
    """A project in which commands may run, each asked."""
    agency.become(permission="full")
    return agency


async def test_a_command_that_is_allowed_once_runs_and_the_next_one_is_asked(full: Agency) -> None:
    full.without_sandbox()
    full.person.decision = "once"
    await full.does(run("echo one > made.txt"), run("echo one > made.txt"))
    assert (full.folder / "made.txt").read_text() == "one\n"
    assert len(full.person.questions) == 2
    question = full.person.questions[0]
    assert (question.tool, question.project, question.detail) == ("Bash", "demo", "echo one > made.txt")
    assert question.may_remember
    assert question.request_id


async def test_allowed_for_the_conversation_means_the_same_command_only(full: Agency) -> None:
    full.without_sandbox()
    full.person.decision = "conversation"
    await full.does(run("echo 1 >> made.txt"), run("echo 1 >> made.txt"), run("echo 2 >> made.txt"))
    assert (full.folder / "made.txt").read_text() == "1\n1\n2\n"
    assert [one.detail for one in full.person.questions] == ["echo 1 >> made.txt", "echo 2 >> made.txt"]


async def test_an_allowed_command_without_a_sandbox_does_not_see_the_key(full: Agency) -> None:
    full.without_sandbox()
    full.person.decision = "once"
    await full.does(run("env"))
    seen = words(full.results()[0])
    assert "PATH=" in seen
    assert "sk-test" not in seen
    assert "CLAUDE_CONFIG_DIR" not in seen
    assert "MESSAGING_TOKEN" not in seen


async def test_nobody_answers_and_claude_is_told_so(full: Agency) -> None:
    full.without_sandbox()
    full.person.decision = None
    await full.does(run("touch made.txt"))
    assert not (full.folder / "made.txt").exists()
    assert full.results()[0]["is_error"]
    assert "no decision within five minutes" in words(full.results()[0])


async def test_stop_ends_the_answer(full: Agency) -> None:
    full.without_sandbox()
    full.person.decision = "stop"
    full.standin.script(acts(run("touch made.txt")), says("never"))
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.post(
            f"{full.url}/v1/chat/completions",
            json={"model": "sonnet@demo", "messages": [{"role": "user", "content": "Go."}]},
        )
    assert answer.status_code == 409
    assert not (full.folder / "made.txt").exists()
    assert len(full.standin.requests) == 1


async def test_a_question_is_withdrawn_when_the_client_disconnects(full: Agency) -> None:
    full.without_sandbox()
    full.person.waits = True
    full.standin.script(acts(run("touch made.txt")), says("never"))
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        body = {"model": "sonnet@demo", "messages": [{"role": "user", "content": "Go."}], "stream": True}
        async with client.stream("POST", f"{full.url}/v1/chat/completions", json=body):
            async with asyncio.timeout(60):
                await full.person.asked.wait()
    async with asyncio.timeout(30):
        while not full.person.withdrawn:
            await asyncio.sleep(0.05)
    assert not (full.folder / "made.txt").exists()


async def test_a_sensitive_file_is_asked_with_its_change(agency: Agency) -> None:
    agency.become(permission="edit")
    hook = agency.folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(parents=True)
    await agency.does(call("Write", {"file_path": str(hook), "content": "run me\n"}))
    assert [one.tool for one in agency.person.questions] == ["Write"]
    assert "+run me" in agency.person.questions[0].detail
    assert not hook.exists()


@pytest.mark.parametrize(("setting", "headers"), [(2, {}), (9, {"x-claude-max-turns": "2"})], ids=["setting", "header"])
async def test_an_answer_ends_at_its_limit_of_turns(agency: Agency, setting: int, headers: dict[str, str]) -> None:
    agency.configure(agent_turns=setting)
    read = call("Read", {"file_path": str(agency.folder / "notes.txt")})
    agency.standin.script(lambda _: acts(read))
    body = {"model": "sonnet@demo", "messages": [{"role": "user", "content": "Go."}]}
    async with agency.plain_client() as client:
        answer = await client.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 500
    assert "more than 2 requests" in answer.text
    assert len(agency.standin.requests) == 2
