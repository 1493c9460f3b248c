"""Conversations with an agent that last: held by their process, resumed from the disk, and replayed."""

import asyncio
import sys
from typing import Any

import pytest

from server.agents.conversations import held
from server.standin.script import Pause, Reply, Text, call, refuse, say
from tests.server.agents.conversations.kit import ask, reading, roles, text_of, way
from tests.server.agents.scene import Agency, acts, agents_here, results_in, says, words

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are not those of this test"),
]


async def test_the_process_is_held_with_all_that_claude_has_done(agency: Agency) -> None:
    agency.configure(sessions="memory")
    agency.standin.script(reading(agency), says("alpha."), says("Still alpha."))
    assert way(await ask(agency, "What is in it?")) == "agent"
    await agency.at_rest()
    (process,) = agents_here(agency)
    assert way(await ask(agency, "And now?")) == "agent held"
    assert [one.pid for one in agents_here(agency)] == [process.pid]
    assert roles(agency) == ["user", "assistant", "user", "assistant", "user"]
    assert "alpha" in words(agency.results()[0])
    assert not agency.kept.exists()
    await agency.engine.agents.forget("another owner", agency.session)
    assert agents_here(agency)


async def test_without_a_session_nothing_is_held(agency: Agency) -> None:
    agency.standin.script(says("Hello."))
    async with agency.plain_client() as client:
        body = {"model": "sonnet@demo", "messages": [{"role": "user", "content": "Hi"}]}
        await client.post("/v1/chat/completions", json=body)
    await agency.at_rest()
    assert not agents_here(agency)


async def test_a_held_process_ends_when_nobody_uses_it(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    agency.configure(sessions="memory")
    monkeypatch.setattr(held, "HELD_S", 0.0)
    agency.standin.script(reading(agency), says("alpha."), says("I have no notes."))
    await ask(agency, "What is in it?")
    await agency.at_rest()
    assert not agents_here(agency)
    # In memory only the visible turns are left.
    assert way(await ask(agency, "And now?")) == "agent replayed"
    assert [text_of(one) for one in agency.upstream()[-1]["messages"] if one["role"] == "assistant"] == ["alpha."]


async def test_on_disk_a_conversation_is_resumed_with_the_new_prompt_and_the_same_walls(agency: Agency) -> None:
    agency.configure(sessions="disk")
    agency.standin.script(reading(agency), says("alpha."))
    await ask(agency, "What is in it?")
    before = agency.upstream()[-1]["messages"]
    await agency.end_held()
    assert not agents_here(agency)
    (folder,) = agency.kept.iterdir()
    assert (agency.kept.stat().st_mode & 0o077, folder.stat().st_mode & 0o077) == (0, 0)
    outside = call("Read", {"file_path": str(agency.outside / "secret.txt")})
    agency.standin.script(acts(outside), says("Refused."))
    brief = {"role": "system", "content": "Be brief."}
    answer = await ask(agency, "", messages=[brief, {"role": "user", "content": "And outside?"}])
    assert way(answer) == "agent resumed"
    body = agency.upstream()[-1]
    assert unmarked(body["messages"][: len(before)]) == unmarked(before)
    assert body["system"][-1]["text"].endswith("Be brief.")
    assert agency.results()[-1]["is_error"]
    assert roles(agency)[-1] == "user"


def unmarked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the marks of the provider's cache, which move on."""
    for message in messages:
        for block in message["content"] if isinstance(message["content"], list) else []:
            block.pop("cache_control", None)
    return messages


async def test_what_an_unfinished_answer_has_done_is_known_after_it(agency: Agency) -> None:
    agency.configure(sessions="disk")
    agency.become(permission="edit")
    path = str(agency.folder / "half.txt")
    agency.standin.script(acts(call("Write", {"file_path": path, "content": "x"})), lambda _: refuse(500, "broken"))
    async with agency.plain_client() as client:
        body = {
            "model": "sonnet@demo",
            "session_id": agency.session,
            "messages": [{"role": "user", "content": "Write."}],
        }
        failed = await client.post("/v1/chat/completions", json=body)
    assert failed.status_code >= 500
    agency.standin.script(says("I have written it."))
    assert way(await ask(agency, "What have you done?")) == "agent resumed"
    assert [one["name"] for message in agency.upstream()[-1]["messages"] for one in blocks(message)] == ["Write"]


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [block for block in content if block["type"] == "tool_use"] if isinstance(content, list) else []


async def test_a_changed_project_holds_at_once(agency: Agency) -> None:
    """The process has the rules that it was started with, so another one answers."""
    agency.configure(sessions="memory")
    agency.become(permission="edit")
    agency.standin.script(says("One."), acts(call("Write", {"file_path": str(agency.folder / "n"), "content": "x"})))
    await ask(agency, "Hi")
    agency.become(permission="read-only")
    agency.standin.script(acts(call("Write", {"file_path": str(agency.folder / "n"), "content": "x"})), says("No."))
    assert way(await ask(agency, "Write.")) == "agent replayed"
    assert not (agency.folder / "n").exists()
    await agency.at_rest()
    assert len(agents_here(agency)) == 1


async def test_an_edited_history_is_another_conversation(agency: Agency) -> None:
    agency.configure(sessions="disk")
    agency.standin.script(reading(agency), says("alpha."), says("Other."))
    await ask(agency, "What is in it?")
    edited = [
        {"role": "user", "content": "What is NOT in it?"},
        {"role": "assistant", "content": "gamma."},
        {"role": "user", "content": "Sure?"},
    ]
    assert way(await ask(agency, "", messages=edited)) == "agent replayed"
    assert [text_of(one) for one in agency.upstream()[-1]["messages"] if one["role"] == "assistant"] == ["gamma."]
    assert "alpha" not in str(agency.upstream()[-1])
    await agency.at_rest()
    assert len(agents_here(agency)) == 1


async def test_a_lost_transcript_is_replayed(agency: Agency) -> None:
    agency.configure(sessions="disk")
    agency.standin.script(reading(agency), says("alpha."), says("Still."))
    await ask(agency, "What is in it?")
    await agency.end_held()
    for path in agency.kept.rglob("*.jsonl"):
        path.unlink()
    assert way(await ask(agency, "And now?")) == "agent replayed"
    assert roles(agency) == ["user", "assistant", "user"]


async def test_only_so_many_processes_wait(agency: Agency) -> None:
    agency.configure(agents=1)
    agency.standin.script(says("One."), says("Two."))
    await ask(agency, "One")
    await ask(agency, "Two", session=f"{agency.session} b")
    await agency.at_rest()
    await agency.at_rest()
    assert len(agents_here(agency)) == 1


async def test_turning_agents_off_ends_those_that_wait(agency: Agency) -> None:
    agency.standin.script(says("One."))
    await ask(agency, "One")
    agency.configure(agent_mode=False)
    await agency.end_held()
    assert not agents_here(agency)


async def test_two_requests_of_a_session_are_answered_in_order(agency: Agency) -> None:
    agency.standin.script(Reply((Text(("One.",)),), before_stop=(Pause(0.3),)), says("Two."))
    first = asyncio.create_task(ask(agency, "One"))
    while not agency.standin.requests:
        await asyncio.sleep(0.01)
    second = await ask(agency, "Two")
    assert (way(await first), way(second)) == ("agent", "agent held")
    assert roles(agency) == ["user", "assistant", "user"]
    assert results_in(agency.upstream()[-1]) == []


async def test_an_answer_in_whose_middle_claude_code_was_ended_is_replayed(agency: Agency) -> None:
    """Claude Code may not have written it, and Claude must know what it said."""
    agency.configure(sessions="disk")
    agency.standin.script(say("Half of", stop_reason="max_tokens", before_stop=(Pause(0.5),)), says("it."))
    await ask(agency, "Tell me.")
    assert way(await ask(agency, "Go on.")) == "agent replayed"
    assert [text_of(one) for one in agency.upstream()[-1]["messages"] if one["role"] == "assistant"] == ["Half of"]
