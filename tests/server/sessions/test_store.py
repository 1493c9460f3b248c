"""The store of sessions over real files: restarts, bounds, expiry, and files that cannot be used."""

import os
import stat
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from server.config import Config
from server.conversation.parts import Message, Text
from server.sessions import store as module
from server.sessions.migrations import MIGRATIONS
from server.storage.database import Database
from tests.server.sessions.kit import IN_MEMORY, ON_DISK, SECRET, KeptFile, closing


class Kept(KeptFile):
    """A store of sessions."""

    async def add(self, id_: str, *texts: str, owner: str = "local:a") -> None:
        session = await self.store.load(owner, id_)
        messages = tuple(Message("assistant" if n % 2 else "user", (Text(text),)) for n, text in enumerate(texts))
        await self.store.save(session, "be brief", (*session.messages, *messages))

    async def texts(self, id_: str, owner: str = "local:a") -> list[str]:
        session = await self.store.load(owner, id_)
        return [part.text for message in session.messages for part in message.parts if isinstance(part, Text)]


def opened(folder: Path, config: Config = ON_DISK) -> AbstractContextManager[Kept]:
    return closing(Kept(folder, config))


async def test_a_session_comes_back_after_a_restart_and_only_to_its_owner(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        await kept.add("s", "hello", "hi")
        await kept.add("s", "more", "yes")
    with opened(tmp_path) as kept:
        session = await kept.store.load("local:a", "s")
        assert (session.system, await kept.texts("s")) == ("be brief", ["hello", "hi", "more", "yes"])
        assert await kept.texts("s", owner="local:b") == []
        assert await kept.store.info("local:b", "s") is None
        assert await kept.store.listed("local:b", 10) == []
        assert not await kept.store.delete("local:b", "s")
        (info,) = await kept.store.listed("local:a", 10)
        assert (info.id, info.messages, info.size) == ("s", 4, session.size)
        assert await kept.store.totals("local:a") == replace(
            await kept.store.totals("local:b"), sessions=1, messages=4, size=info.size
        )
    if os.name == "posix":
        assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600


async def test_nothing_is_on_disk_if_the_user_chose_the_memory(tmp_path: Path) -> None:
    with opened(tmp_path, IN_MEMORY) as kept:
        await kept.add("s", SECRET, "hi")
        assert await kept.texts("s") == [SECRET, "hi"]
        assert kept.bytes_on_disk == b""
    with opened(tmp_path, IN_MEMORY) as kept:
        assert await kept.texts("s") == []


async def test_the_place_follows_the_settings_while_the_server_runs(tmp_path: Path) -> None:
    with opened(tmp_path, IN_MEMORY) as kept:
        await kept.add("s", SECRET, "hi")
        kept.config = ON_DISK
        kept.store.follow_settings()
        # A session of the memory moves with its next answer.
        assert await kept.texts("s") == [SECRET, "hi"]
        await kept.add("s", "more", "yes")
        assert [len(await kept.store.listed("local:a", 10)), (await kept.store.totals("local:a")).sessions] == [1, 1]
    with opened(tmp_path) as kept:
        assert await kept.texts("s") == [SECRET, "hi", "more", "yes"]
        kept.config = IN_MEMORY
        kept.store.follow_settings()
        assert kept.bytes_on_disk == b""
        assert await kept.texts("s") == []
        await kept.add("t", "in memory", "yes")
        kept.config = Config(sessions="off")
        kept.store.follow_settings()
        assert await kept.texts("t") == []


async def test_deleted_words_are_overwritten(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        await kept.add("s", SECRET, "hi")
        await kept.add("t", f"other {SECRET}", "hi")
        session = await kept.store.load("local:a", "t")
        await kept.store.save(session, "", (Message("user", (Text("edited"),)),))
        assert await kept.store.delete("local:a", "s")
        assert not await kept.store.delete("local:a", "s")
        assert await kept.texts("t") == ["edited"]
        assert SECRET.encode() not in kept.bytes_on_disk
        assert b"edited" in kept.bytes_on_disk


async def test_an_answer_to_a_deleted_session_does_not_bring_it_back(tmp_path: Path) -> None:
    for config in (ON_DISK, Config()):
        with opened(tmp_path, config) as kept:
            await kept.add("s", "hello", "hi")
            session = await kept.store.load("local:a", "s")
            await kept.store.delete("local:a", "s")
            await kept.store.save(session, "", (*session.messages, Message("user", (Text(SECRET),))))
            assert await kept.texts("s") == []
            assert SECRET.encode() not in kept.bytes_on_disk
            # Nor does it change a new one with the same name.
            await kept.add("s", "new", "yes")
            await kept.store.save(session, "", (*session.messages, Message("user", (Text("late"),))))
            assert await kept.texts("s") == ["new", "yes"]


async def test_a_session_expires_after_its_last_use(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        await kept.add("old", SECRET, "hi")
        kept.clock.now += 3000
        await kept.add("young", "hello", "hi")
        assert await kept.texts("old") == [SECRET, "hi"]  # used again
        kept.clock.now += 3000
        assert {info.id for info in await kept.store.listed("local:a", 10)} == {"old", "young"}
        kept.clock.now += 601
        assert await kept.texts("old") == await kept.texts("young") == []
        assert await kept.store.info("local:a", "old") is None
        # The rest is deleted by the next round.
        kept.store.prune(kept.store.databases[-1], cleans=True)
        assert await kept.store.listed("local:a", 10) == []
        assert SECRET.encode() not in kept.bytes_on_disk
        kept.config = replace(ON_DISK, session_hours=0.5)
        await kept.add("short", "hello", "hi")
        kept.clock.now += 1801
        assert await kept.texts("short") == []


async def test_a_fork_goes_its_own_way(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        await kept.add("s", "hello", "hi")
        assert await kept.store.fork("local:a", "s", "copy")
        assert not await kept.store.fork("local:a", "s", "copy")
        await kept.add("copy", "left", "l")
        await kept.add("s", "right", "r")
        assert await kept.texts("copy") == ["hello", "hi", "left", "l"]
        assert await kept.texts("s") == ["hello", "hi", "right", "r"]


async def test_those_used_longest_ago_are_dropped_beyond_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 3)
    monkeypatch.setattr(module, "MOST_BYTES_IN_FILE", 2000)
    with opened(tmp_path) as kept:
        for number in range(5):
            kept.clock.now += 1
            await kept.add(str(number), "hello", "hi")
        kept.store.databases[-1].flush()
        assert [info.id for info in await kept.store.listed("local:a", 10)] == ["4", "3", "2"]
        kept.clock.now += 1
        await kept.add("large", "x" * 1900, "hi")
        kept.store.databases[-1].flush()
        assert [info.id for info in await kept.store.listed("local:a", 10)] == ["large"]


@pytest.mark.parametrize("obstacle", ["newer", "folder", "full"])
async def test_a_file_that_cannot_be_written_stops_nothing_and_is_named(tmp_path: Path, obstacle: str) -> None:
    file = tmp_path / "data" / "sessions.sqlite3"
    file.parent.mkdir()
    if obstacle == "newer":
        newer = Database(file, (*MIGRATIONS, ("CREATE TABLE more (x)",)))
        newer.open()
        newer.close()
    elif obstacle == "folder":
        file.mkdir()
    with opened(tmp_path) as kept:
        if obstacle == "full":
            await kept.add("s", "hello", "hi")
            kept.store.databases[-1].put(lambda connection: connection.execute("PRAGMA max_page_count = 12"))
            await kept.add("s", "x" * 100_000, "large")
            assert (await kept.texts("s"))[1:] == ["hi", "x" * 100_000, "large"]
            assert "full" in (kept.store.trouble or "")
            # Of two copies the newer one counts, and both are deleted.
            await kept.add("s", "y" * 100_000, "again")
            assert len(await kept.texts("s")) == 6
            assert [info.messages for info in await kept.store.listed("local:a", 10)] == [6]
        else:
            await kept.add("s", "hello", "hi")
            await kept.add("s", "more", "yes")
            assert await kept.texts("s") == ["hello", "hi", "more", "yes"]
            assert kept.store.trouble
        assert kept.troubles
        assert await kept.store.delete("local:a", "s")
        assert await kept.texts("s") == []


async def test_a_broken_file_is_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "data" / "sessions.sqlite3"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    with opened(tmp_path) as kept:
        await kept.add("s", "hello", "hi")
        assert kept.store.trouble is None
    with opened(tmp_path) as kept:
        assert await kept.texts("s") == ["hello", "hi"]
    assert file.with_name("sessions.broken-1.sqlite3").exists()
