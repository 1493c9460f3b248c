"""What an edited history replaces is kept as a branch: a session of its own, within bounds."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from server.config import Config
from server.conversation.parts import Message, Text
from server.sessions import store as module
from server.sessions.migrations import MIGRATIONS
from server.storage.schema import migrate
from tests.server.sessions.kit import IN_MEMORY, ON_DISK, SECRET
from tests.server.sessions.test_store import Kept, opened

PLACES = pytest.mark.parametrize("config", [ON_DISK, IN_MEMORY], ids=["disk", "memory"])


async def edit(kept: Kept, id_: str, *texts: str) -> str:
    """Gives the session another history and keeps the one before; its id."""
    session = await kept.store.load("local:a", id_)
    branch = await kept.store.branch_id("local:a", id_)
    messages = tuple(Message("assistant" if n % 2 else "user", (Text(text),)) for n, text in enumerate(texts))
    await kept.store.save(session, "be brief", messages, branch=branch)
    return branch


async def ids(kept: Kept) -> set[str]:
    return {info.id for info in await kept.store.listed("local:a", 100)}


@PLACES
async def test_a_replaced_history_is_a_session_of_its_own(tmp_path: Path, config: Config) -> None:
    with opened(tmp_path, config) as kept:
        await kept.add("s", "hello", "hi", "more", "yes")
        assert await edit(kept, "s", "hello", "hi", "edited", "no") == "s~1"
        assert await kept.texts("s") == ["hello", "hi", "edited", "no"]
        assert await kept.texts("s~1") == ["hello", "hi", "more", "yes"]
        info, original = await kept.store.info("local:a", "s~1"), await kept.store.info("local:a", "s")
        assert info is not None
        assert original is not None
        assert (info.forked_from, info.messages, original.forked_from) == ("s", 4, None)
        assert (await kept.store.load("local:a", "s~1")).system == "be brief"
        assert await kept.texts("s~1", owner="local:b") == []
        await kept.add("s~1", "further", "ok")
        assert await kept.texts("s~1") == ["hello", "hi", "more", "yes", "further", "ok"]
        assert len(await kept.texts("s")) == 4
        kept.clock.now += 3601
        assert await kept.texts("s~1") == []


@PLACES
async def test_only_the_last_branches_stay_and_a_number_is_used_once(tmp_path: Path, config: Config) -> None:
    with opened(tmp_path, config) as kept:
        await kept.add("s", SECRET, "0")
        for number in range(1, 6):
            kept.clock.now += 1
            assert await edit(kept, "s", f"q{number}", str(number)) == f"s~{number}"
        assert await ids(kept) == {"s", "s~3", "s~4", "s~5"}
        assert [await kept.texts(f"s~{number}") for number in (3, 5)] == [["q2", "2"], ["q4", "4"]]
        assert SECRET.encode() not in kept.bytes_on_disk
        # One that a request continued is a session like any other: it stays, and does not count.
        await kept.add("s~3", "again", "yes")
        await edit(kept, "s", "q6", "6")
        assert await ids(kept) == {"s", "s~3", "s~4", "s~5", "s~6"}
        await edit(kept, "s", "q7", "7")
        assert await ids(kept) == {"s", "s~3", "s~5", "s~6", "s~7"}


@PLACES
async def test_a_session_is_deleted_with_the_branches_that_no_request_continued(tmp_path: Path, config: Config) -> None:
    with opened(tmp_path, config) as kept:
        await kept.add("s", "hello", "hi")
        await kept.add("other", "hello", "hi")
        await edit(kept, "other", "else", "yes")
        await edit(kept, "s", SECRET, "one")
        await edit(kept, "s", "q", "two")
        await kept.add("s~1", "further", "ok")
        await kept.store.fork("local:a", "s", "copy")
        assert await kept.store.delete("local:a", "s")
        assert await ids(kept) == {"s~1", "copy", "other", "other~1"}
        assert SECRET.encode() not in kept.bytes_on_disk
        # Their origin is known after it is gone, too.
        infos = [await kept.store.info("local:a", id_) for id_ in ("s~1", "copy")]
        assert [info.forked_from for info in infos if info] == ["s", "s"]


@PLACES
async def test_an_answer_to_a_deleted_session_leaves_no_branch(tmp_path: Path, config: Config) -> None:
    with opened(tmp_path, config) as kept:
        await kept.add("s", SECRET, "hi")
        session = await kept.store.load("local:a", "s")
        await kept.store.delete("local:a", "s")
        await kept.store.save(session, "", (Message("user", (Text("late"),)),), branch="s~1")
        assert await ids(kept) == set()
        assert SECRET.encode() not in kept.bytes_on_disk


async def test_the_id_of_a_branch_is_free_and_no_longer_than_a_name_may_be(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        for taken in ("s~7", "s~x", "s~", "s~8~1", "sx~9", "s~²"):
            await kept.add(taken, "mine", "yes")
        await kept.add("s", "hello", "hi")
        assert await kept.store.branch_id("local:b", "s") == "s~1"
        assert await edit(kept, "s", "q", "a") == "s~8"
        # It was taken while the answer was on its way.
        session = await kept.store.load("local:a", "s")
        await kept.store.save(session, "", (), branch="s~7")
        assert await kept.texts("s~7") == ["mine", "yes"]
        assert await kept.texts("s~9") == ["q", "a"]
        long = "x" * 200
        await kept.add(long, "hello", "hi")
        branch = await edit(kept, long, "q", "a")
        assert (branch, await kept.texts(branch)) == (f"{'x' * 191}~1", ["hello", "hi"])


async def test_beyond_the_limits_branches_are_dropped_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 4)
    with opened(tmp_path) as kept:
        for number, id_ in enumerate(("oldest", "s", "t")):
            kept.clock.now += number
            await kept.add(id_, "hello", "hi")
        kept.clock.now += 1
        await edit(kept, "s", "q1", "a1")
        kept.clock.now += 1
        await edit(kept, "t", "q1", "a1")
        kept.store.databases[-1].flush()
        assert await ids(kept) == {"oldest", "s", "t", "t~1"}
        await kept.add("new", "hello", "hi")
        kept.store.databases[-1].flush()
        assert await ids(kept) == {"oldest", "s", "t", "new"}
        await kept.add("newer", "hello", "hi")
        kept.store.databases[-1].flush()
        assert await ids(kept) == {"s", "t", "new", "newer"}


async def test_what_the_file_does_not_take_is_a_branch_in_memory(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        await kept.add("s", "hello", "hi")
        kept.store.databases[-1].put(lambda connection: connection.execute("PRAGMA max_page_count = 14"))
        await edit(kept, "s", "x" * 100_000, "large")
        assert kept.store.trouble
        assert len(await kept.texts("s")) == 2
        assert await kept.texts("s~1") == ["hello", "hi"]
        assert [info.forked_from for info in await kept.store.listed("local:a", 9) if info.id == "s~1"] == ["s"]
        assert await edit(kept, "s", "y" * 100_000, "again") == "s~2"
        await kept.store.delete("local:a", "s")
        assert await ids(kept) == set()


async def test_a_session_of_the_memory_that_moves_to_the_file_leaves_its_branches(tmp_path: Path) -> None:
    with opened(tmp_path, Config()) as kept:
        await kept.add("s", "hello", "hi")
        await edit(kept, "s", "q1", "a1")
        kept.config = ON_DISK
        kept.store.follow_settings()
        await edit(kept, "s", "q2", "a2")
        assert await ids(kept) == {"s", "s~1", "s~2"}
        assert [await kept.texts(f"s~{number}") for number in (1, 2)] == [["hello", "hi"], ["q1", "a1"]]


async def test_a_file_from_before_there_were_branches_is_read(tmp_path: Path) -> None:
    file = tmp_path / "data" / "sessions.sqlite3"
    file.parent.mkdir()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:2])
        connection.execute("INSERT INTO session VALUES ('n', 'local:a', 's', 1, 1800000000, 'old', 1, 10)")
        connection.execute("""INSERT INTO message VALUES ('n', 0, '["user", [{"type": "text", "text": "a"}]]', 10)""")
    with opened(tmp_path) as kept:
        assert await kept.texts("s") == ["a"]
        info = await kept.store.info("local:a", "s")
        assert info is not None
        assert info.forked_from is None
        assert await edit(kept, "s", "b") == "s~1"
        assert await kept.texts("s~1") == ["a"]


async def test_a_page_of_messages_has_a_limit_and_is_no_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def page(after: int, limit: int, id_: str = "s") -> tuple[list[str], int | None]:
        found = await kept.store.page("local:a", id_, after=after, limit=limit)
        assert found is not None
        texts = [part.text for message in found.messages for part in message.parts if isinstance(part, Text)]
        return texts, found.following

    with opened(tmp_path) as kept:
        await kept.add("s", "0", "1", "2", "3", "4")
        assert await page(0, 2) == (["0", "1"], 2)
        assert await page(2, 3) == (["2", "3", "4"], None)
        assert await page(5, 3) == await page(9, 3) == ([], None)
        # It ends behind its size in bytes, and has one message at least.
        await kept.add("large", "x" * 100, "y" * 100, "z")
        monkeypatch.setattr(module, "_PAGE_BYTES", 150)
        assert await page(0, 9, "large") == (["x" * 100], 1)
        assert await page(1, 9, "large") == (["y" * 100], 2)
        monkeypatch.setattr(module, "_PAGE_BYTES", 10)
        assert await page(0, 9, "large") == (["x" * 100], 1)
        assert await kept.store.page("local:b", "s", after=0, limit=9) is None
        kept.clock.now += 3600
        await page(0, 9)
        kept.clock.now += 1
        assert await kept.store.page("local:a", "s", after=0, limit=9) is None
