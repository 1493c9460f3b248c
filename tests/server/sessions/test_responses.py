"""The store of responses over real files: restarts, owners, bounds, expiry, and files of earlier releases."""

import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from server.config import Config
from server.conversation.parts import Message, Text
from server.dialects.common.response_store import Item, NoStore, StoredResponse
from server.sessions import response_tables
from server.sessions import store as sessions_module
from server.sessions.response_tables import MAX_AGE_S, Limits
from server.sessions.responses import StoredResponses
from server.storage.database import NotStored
from tests.server.sessions.kit import IN_MEMORY, ON_DISK, SECRET, KeptFile
from tests.server.sessions.kit import closing as closing_store

# As release 0.1 wrote the file: version 1, sessions only.
FIRST_VERSION = """
PRAGMA user_version = 1;
CREATE TABLE session (
    number TEXT PRIMARY KEY, owner TEXT NOT NULL, id TEXT NOT NULL, created_at REAL NOT NULL,
    used_at REAL NOT NULL, system TEXT NOT NULL, messages INTEGER NOT NULL, size INTEGER NOT NULL,
    UNIQUE (owner, id)
) STRICT;
CREATE INDEX session_by_time ON session (used_at, size);
CREATE TABLE message (
    session TEXT NOT NULL, place INTEGER NOT NULL, content TEXT NOT NULL, size INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_by_place ON message (session, place);
INSERT INTO session VALUES ('n', 'ann', 's', 1800000000, 1800000000, 'be brief', 1, 44);
INSERT INTO message VALUES ('n', 0, '["user", [{"type": "text", "text": "hello"}]]', 44);
"""


class Kept(KeptFile):
    """A store of responses."""

    def __init__(self, folder: Path, config: Config) -> None:
        super().__init__(folder, config)
        self.responses = StoredResponses(self.store, clock=self.clock)

    def put(self, response: StoredResponse, owner: str = "ann", *, is_asked_for: bool = True) -> None:
        self.responses.put(owner, response, is_asked_for=is_asked_for)
        for database in self.store.databases:
            database.flush()

    async def has(self, *numbers: int, owner: str = "ann") -> list[bool]:
        return [await self.responses.get(owner, f"resp_{number}") is not None for number in numbers]

    async def item(self, id_: str, owner: str = "ann") -> Item | None:
        return (await self.responses.items(owner, [id_])).get(id_)


def opened(folder: Path, config: Config = ON_DISK) -> AbstractContextManager[Kept]:
    return closing_store(Kept(folder, config))


def response(number: int, *input_: str, text: str = "x", previous: int | None = None) -> StoredResponse:
    items = tuple({"id": name, "text": text} for name in input_)
    body: dict[str, Any] = {"id": f"resp_{number}"}
    if previous is not None:
        body["previous_response_id"] = f"resp_{previous}"
    return StoredResponse(f"resp_{number}", body, items, ({"id": f"msg_{number}"},))


async def test_a_response_comes_back_after_a_restart_and_only_to_its_owner(tmp_path: Path) -> None:
    first = response(1, "a", "b", text="漢字 \ud83d \x00")
    with opened(tmp_path) as kept:
        kept.put(first)
    with opened(tmp_path) as kept:
        assert await kept.responses.get("ann", "resp_1") == first
        assert await kept.item("msg_1") == {"id": "msg_1"}
        assert await kept.has(1, owner="bob") == [False]
        assert await kept.item("a", owner="bob") is None
        assert not await kept.responses.delete("bob", "resp_1")
        assert await kept.has(1) == [True]


@pytest.mark.parametrize("place", ["memory", "off"])
async def test_nothing_is_on_disk_unless_the_user_chose_that(tmp_path: Path, place: Any) -> None:
    with opened(tmp_path, Config(sessions=place)) as kept:
        kept.put(response(1, "a", text=SECRET))
        assert await kept.has(1) == [True]
        assert kept.bytes_on_disk == b""
        kept.config = ON_DISK
        kept.store.follow_settings()
        kept.put(response(2, "b", text=SECRET))
        assert await kept.has(1, 2) == [True, True]
        assert SECRET.encode() in kept.bytes_on_disk
        kept.config = Config(sessions=place)
        kept.store.follow_settings()
        assert kept.bytes_on_disk == b""
        assert await kept.has(1, 2) == [True, False]


async def test_a_response_whose_request_did_not_ask_for_it_is_in_memory_only(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        kept.put(response(1, "a", text=SECRET), is_asked_for=False)
        # It continues the one in memory, and survives with all of it.
        kept.put(response(2, "a", "msg_1", "b", previous=1))
        assert await kept.has(1, 2) == [True, True]
        assert SECRET.encode() not in kept.bytes_on_disk
    with opened(tmp_path) as kept:
        assert await kept.has(1, 2) == [False, True]
        second = await kept.responses.get("ann", "resp_2")
        assert second is not None
        assert [item["id"] for item in second.input] == ["a", "msg_1", "b"]


async def test_what_is_deleted_or_expired_is_overwritten(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        kept.put(response(1, "a", text=SECRET))
        kept.put(response(2, "b", text=f"other {SECRET}"))
        assert await kept.responses.delete("ann", "resp_1")
        assert not await kept.responses.delete("ann", "resp_1")
        assert await kept.item("a") is None
        kept.clock.now += MAX_AGE_S
        assert await kept.has(2) == [True]
        kept.clock.now += 1
        assert await kept.has(2) == [False]
        assert await kept.item("b") is None
        kept.store.prune(kept.store.databases[-1], cleans=True)
        kept.store.databases[-1].flush()
        assert SECRET.encode() not in kept.bytes_on_disk


async def test_an_item_is_kept_while_a_response_contains_it(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        kept.put(response(1, "a"))
        kept.put(response(2, "a", "msg_1", "b", previous=1))
        assert await kept.responses.delete("ann", "resp_1")
        assert await kept.item("a") is not None
        second = await kept.responses.get("ann", "resp_2")
        assert second is not None
        assert [item["id"] for item in second.input] == ["a", "msg_1", "b"]
        assert await kept.responses.delete("ann", "resp_2")
        assert [await kept.item(id_) for id_ in ("a", "b", "msg_1", "msg_2")] == [None] * 4
        # A response that is stored again replaces itself.
        kept.put(response(3, "c"))
        kept.put(response(3, "d"))
        assert (await kept.item("c"), await kept.item("d")) == (None, {"id": "d", "text": "x"})


async def test_each_response_has_its_own_version_of_an_item(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        kept.put(response(1, "a", text="as it was"))
        kept.put(response(2, "a", text="edited"))
        assert await kept.responses.get("ann", "resp_1") == response(1, "a", text="as it was")
        assert await kept.responses.get("ann", "resp_2") == response(2, "a", text="edited")
        assert await kept.item("a") == {"id": "a", "text": "edited"}


async def test_a_long_conversation_keeps_each_item_once(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        input_: tuple[Item, ...] = ()
        for number in range(50):
            input_ = (*input_, {"id": f"in_{number}", "text": "x" * 10_000})
            body = {"id": f"resp_{number}", "previous_response_id": f"resp_{number - 1}"}
            kept.put(StoredResponse(f"resp_{number}", body, input_, ({"id": f"msg_{number}"},)))
            input_ = (*input_, {"id": f"msg_{number}"})
        last = await kept.responses.get("ann", "resp_49")
        assert last is not None
        assert (*last.input, *last.output) == input_
        assert len(kept.bytes_on_disk) < 6_000_000


@pytest.mark.parametrize("config", [ON_DISK, IN_MEMORY])
async def test_those_used_longest_ago_are_dropped_beyond_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    for name in ("LIMITS_IN_FILE", "LIMITS_IN_MEMORY"):
        monkeypatch.setattr(sessions_module, name, Limits(2, 1500))
    with opened(tmp_path, config) as kept:
        for number in (1, 2):
            kept.clock.now += 1
            kept.put(response(number))
        kept.clock.now += 1
        assert await kept.has(1) == [True]
        kept.put(response(3))
        assert await kept.has(1, 2, 3) == [True, False, True]
        kept.clock.now += 1
        kept.put(response(4, "large", text="x" * 1200))
        assert await kept.has(1, 3, 4) == [False, True, True]
        kept.put(response(5, "larger", text="x" * 3000))
        assert await kept.has(3, 4, 5) == [False, False, False]
        assert await kept.item("larger") is None


async def test_many_expire_in_several_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_tables, "_BATCH", 3)
    with opened(tmp_path) as kept:
        for number in range(10):
            kept.put(response(number))
        kept.clock.now += MAX_AGE_S + 1
        kept.store.prune(kept.store.databases[-1], cleans=True)
        # Each step is put behind the one before.
        for _ in range(5):
            kept.store.databases[-1].flush()
        with closing(sqlite3.connect(kept.file)) as connection:
            rows = [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("response", "item")]
        assert rows == [0, 0]


async def test_a_file_of_the_first_version_keeps_its_sessions(tmp_path: Path) -> None:
    file = tmp_path / "data" / "sessions.sqlite3"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FIRST_VERSION)
    with opened(tmp_path) as kept:
        session = await kept.store.load("ann", "s")
        assert (session.system, session.messages) == ("be brief", (Message("user", (Text("hello"),)),))
        kept.put(response(1, "a"))
        assert kept.store.trouble is None
    with opened(tmp_path) as kept:
        assert await kept.has(1) == [True]
        assert (await kept.store.totals("ann")).sessions == 1
    assert list(file.parent.glob("*broken*")) == []


async def test_what_the_file_does_not_take_is_kept_in_memory_and_the_reason_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        kept.put(response(1, "a"))
        kept.store.databases[-1].put(lambda connection: connection.execute("PRAGMA max_page_count = 20"))
        kept.put(response(2, "b", text="x" * 200_000))
        assert await kept.has(1, 2) == [True, True]
        assert "full" in (kept.store.trouble or "")


async def test_a_store_that_does_not_work_gives_nothing_and_raises_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path, IN_MEMORY)
    kept.put(response(1))
    kept.store.close()
    with pytest.raises(NotStored):
        kept.store.databases[0].call(lambda _: None).result()
    assert await kept.has(1) == [False]
    kept.responses.put("ann", response(2), is_asked_for=True)
    read = await kept.responses.read_for("ann", {"previous_response_id": "resp_1", "input": [{"id": "a"}]})
    assert (read.get("ann", "resp_1"), read.item("ann", "a")) == (None, None)


async def test_a_request_sees_what_it_refers_to_and_nothing_of_others(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        kept.put(response(1, "a"))
        kept.put(response(2, "b"), owner="bob")
        items = [{"type": "item_reference", "id": id_} for id_ in ("a", "b")]
        read = await kept.responses.read_for("ann", {"previous_response_id": "resp_1", "input": items})
        assert read.get("ann", "resp_1") == response(1, "a")
        assert (read.item("ann", "a"), read.item("ann", "b")) == ({"id": "a", "text": "x"}, None)
        assert (read.get("bob", "resp_1"), read.item("bob", "a")) == (None, None)
        bodies: tuple[object, ...] = (
            {"previous_response_id": "resp_2"},
            {"previous_response_id": 7, "input": 3},
            [],
            "x",
            {},
        )
        for body in bodies:
            assert (await kept.responses.read_for("ann", body)).get("ann", "resp_2") is None


def test_no_store_keeps_nothing() -> None:
    store = NoStore()
    store.put("ann", response(1, "a"), is_asked_for=True)
    assert (store.get("ann", "resp_1"), store.item("ann", "a")) == (None, None)
