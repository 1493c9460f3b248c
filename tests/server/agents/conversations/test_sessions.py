"""Conversations with an agent that last: held by their process, resumed from the disk, replayed, and deleted."""

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from server.agents.conversations import held, kept
from server.standin.script import Pause, Reply, Text, call, refuse, say
from tests.server.agents.scene import Agency, acts, agents_here, results_in, says, words

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are not those of this test"),
]


async def ask(agency: Agency, text: str, session: str = "", **fields: Any) -> httpx.Response:
    session = session or agency.session
    body = {"model": "sonnet@demo", "session_id": session, "messages": [{"role": "user", "content": text}], **fields}
    async with agency.plain_client() as client:
        answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def way(answer: httpx.Response) -> str:
    return answer.headers["x-drawbridge-way"]


def roles(agency: Agency) -> list[str]:
    return [message["role"] for message in agency.upstream()[-1]["messages"] if message["role"] != "system"]


def text_of(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def reading(agency: Agency) -> Reply:
    return acts(call("Read", {"file_path": str(agency.folder / "notes.txt")}))


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


async def test_deleting_the_session_deletes_everything(agency: Agency) -> None:
    agency.configure(sessions="disk")
    await agency.engine.agents.tidy()
    agency.standin.script(says("One."), says("Two."), says("Three."))
    await ask(agency, "My secret is 42.")
    await ask(agency, "Another", session=f"{agency.session} b")
    async with agency.plain_client() as client:
        assert (await client.delete(f"/v1/sessions/{agency.session}")).status_code == 200
    await agency.at_rest()
    assert len(agents_here(agency)) == 1
    (left,) = agency.kept.iterdir()
    assert not any(b"My secret" in path.read_bytes() for path in left.rglob("*") if path.is_file())
    assert way(await ask(agency, "Hi again.")) == "agent"
    agency.configure(sessions="memory")
    await agency.engine.agents.tidy()
    assert not agency.kept.exists()


async def test_an_expired_session_leaves_no_transcript(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    agency.configure(sessions="disk")
    agency.standin.script(says("One."), says("Two."))
    await ask(agency, "One")
    await ask(agency, "Two", session=f"{agency.session} b")
    monkeypatch.setattr(kept, "YOUNG_S", -1.0)
    await agency.engine.agents.tidy()
    assert len(list(agency.kept.iterdir())) == 2
    owner = agency.engine.agents._context.kept.old()[0].owner
    agency.sessions.on_delete = None  # as at an expiry
    await agency.sessions.delete(owner, agency.session)
    agency.sessions.on_delete = agency.engine.agents.forget
    await agency.engine.agents.tidy()
    assert len(list(agency.kept.iterdir())) == 1
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


def spare_of(agency: Agency) -> int | None:
    return agency.engine.agents._openings.spares.pid


async def test_the_next_conversation_has_a_process_that_was_started_in_advance(agency: Agency) -> None:
    agency.configure(sessions="memory")
    agency.standin.script(says("One."), says("Two."), says("Three."))
    assert spare_of(agency) is None
    await ask(agency, "One")
    await agency.at_rest()
    first = spare_of(agency)
    assert first is not None
    await ask(
        agency,
        "Two",
        session=f"{agency.session} b",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Two"}],
    )
    assert first in [one.pid for one in agents_here(agency)]
    body = agency.upstream()[-1]
    assert body["system"][-1]["text"].endswith("Be brief.")
    assert "One" not in str(body["messages"])
    # Another level has other rules, so it gets another process.
    await agency.at_rest()
    second = spare_of(agency)
    agency.become(permission="edit")
    await ask(agency, "Three", session=f"{agency.session} c")
    # The unused spare ends, the others are held.
    await agency.at_rest()
    assert second not in [one.pid for one in agents_here(agency)]
    agency.engine.agents.release()
    await agency.at_rest()
    assert agents_here(agency) == []
    assert spare_of(agency) is None


async def test_a_spare_that_died_is_replaced(agency: Agency) -> None:
    agency.configure(sessions="memory")
    agency.standin.script(says("One."), says("Two."))
    await ask(agency, "One")
    await agency.at_rest()
    spare = spare_of(agency)
    assert spare is not None
    psutil.Process(spare).kill()
    assert way(await ask(agency, "Two", session=f"{agency.session} b")) == "agent"


@pytest.mark.parametrize("how", ["released", "killed"])
async def test_what_a_spare_has_started_for_its_sandbox_ends_with_it(agency: Agency, how: str) -> None:
    agency.configure(sessions="memory")
    agency.become(permission="full")
    agency.standin.script(says("One."))
    await ask(agency, "One")
    await agency.at_rest()
    pid = spare_of(agency)
    assert pid is not None
    spare = psutil.Process(pid)
    # Claude Code starts them a while after itself.
    while not (started := spare.children(recursive=True)):
        await asyncio.sleep(0.05)
    if how == "killed":
        spare.kill()
    agency.engine.agents.release()
    await agency.at_rest()
    assert [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


async def test_an_answer_in_whose_middle_claude_code_was_ended_is_replayed(agency: Agency) -> None:
    """Claude Code may not have written it, and Claude must know what it said."""
    agency.configure(sessions="disk")
    agency.standin.script(say("Half of", stop_reason="max_tokens", before_stop=(Pause(0.5),)), says("it."))
    await ask(agency, "Tell me.")
    assert way(await ask(agency, "Go on.")) == "agent replayed"
    assert [text_of(one) for one in agency.upstream()[-1]["messages"] if one["role"] == "assistant"] == ["Half of"]


async def test_a_conversation_that_is_answered_or_cannot_be_looked_up_is_kept(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "YOUNG_S", -1.0)
    agency.configure(sessions="disk")
    agency.standin.script(Reply((Text(("One.",)),), before_stop=(Pause(1.0),)), says("Two."))
    first = asyncio.create_task(ask(agency, "One"))
    while not agency.standin.requests:
        await asyncio.sleep(0.01)
    await agency.engine.agents.tidy()
    await first
    await agency.at_rest()
    assert len(list(agency.kept.iterdir())) == 1
    monkeypatch.setattr(agency.engine.agents, "sessions", Unreadable())
    await agency.engine.agents.tidy()
    assert len(list(agency.kept.iterdir())) == 1
    (folder,) = agency.kept.iterdir()
    (folder / "record.json").unlink()
    await agency.end_held()
    await agency.engine.agents.tidy()
    assert list(agency.kept.iterdir()) == []


class Unreadable:
    """Sessions whose disk does not respond."""

    trouble = "the disk does not respond"

    async def info(self, owner: str, id_: str) -> None:
        return None


async def test_after_a_change_of_the_account_no_older_process_answers(agency: Agency) -> None:
    agency.standin.script(Reply((Text(("One.",)),), before_stop=(Pause(0.5),)), says("Two."))
    first = asyncio.create_task(ask(agency, "One"))
    while not agency.standin.requests:
        await asyncio.sleep(0.01)
    agency.engine._account_changed()
    await first
    await agency.at_rest()
    assert agents_here(agency) == []
    assert spare_of(agency) is None
    assert way(await ask(agency, "Two")) == "agent replayed"


async def begin(agency: Agency) -> tuple[asyncio.Task[httpx.Response], str]:
    """A request that Claude answers slowly, and its owner."""
    agency.configure(sessions="disk")
    agency.standin.script(Reply((Text(("One.",)),), before_stop=(Pause(0.5),)))
    first = asyncio.create_task(ask(agency, "One"))
    while not agency.standin.requests:
        await asyncio.sleep(0.01)
    (owner,) = {scope.owner for scope in agency.engine.agents._openings.scopes}
    return first, owner


async def leaves_nothing(agency: Agency) -> None:
    await agency.at_rest()
    assert agents_here(agency) == []
    assert list(agency.kept.iterdir()) == []


async def test_a_session_that_is_deleted_while_it_is_answered_leaves_nothing(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = kept._delete

    def slowly(folder: Path) -> None:
        # The conversation counts as running until this is over.
        time.sleep(0.2)
        delete(folder)

    monkeypatch.setattr(kept, "_delete", slowly)
    first, owner = await begin(agency)
    await agency.engine.agents.forget(owner, agency.session)
    await first
    await leaves_nothing(agency)


async def test_a_session_that_is_deleted_when_its_answer_ends_leaves_nothing(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, delete, note = threading.Event(), kept._delete, kept.KeptConversations.note

    def late(folder: Path) -> None:
        noted.wait(60)
        delete(folder)

    def note_first(self: kept.KeptConversations, scope: held.ConversationScope, key: str | None) -> bool:
        is_there = note(self, scope, key)
        assert is_there
        noted.set()
        return is_there

    first, owner = await begin(agency)
    monkeypatch.setattr(kept, "_delete", late)
    monkeypatch.setattr(kept.KeptConversations, "note", note_first)
    await asyncio.gather(first, agency.engine.agents.forget(owner, agency.session))
    assert noted.is_set()
    await leaves_nothing(agency)


async def test_what_is_written_after_a_deletion_is_deleted_though_the_answer_is_cut(agency: Agency) -> None:
    first, _ = await begin(agency)
    await asyncio.to_thread(agency.engine.agents._context.kept.forget_all)
    (folder,) = {agency.engine.agents._context.kept._folder(scope) for scope in agency.engine.agents._openings.scopes}
    (folder / "config").mkdir(parents=True, exist_ok=True)
    first.cancel()
    await leaves_nothing(agency)


async def test_without_the_disk_what_was_kept_ends(agency: Agency) -> None:
    agency.configure(sessions="disk")
    agency.standin.script(says("One."), says("Two."))
    await ask(agency, "One")
    agency.configure(sessions="memory")
    assert way(await ask(agency, "Two", session=f"{agency.session} b")) == "agent"
    await agency.at_rest()
    await agency.engine.agents.tidy()
    assert not agency.kept.exists()
    assert len(agents_here(agency)) == 1
