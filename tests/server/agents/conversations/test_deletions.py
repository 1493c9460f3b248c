"""Sessions that are deleted or expire, also in mid-answer: no process and no transcript is left."""

import asyncio
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from server.agents.conversations import held, kept
from server.standin.script import Pause, Reply, Text
from tests.server.agents.conversations.kit import ask, way
from tests.server.agents.scene import Agency, agents_here, says

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are not those of this test"),
]


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
