"""Keeping contents: the switch, its time, memory, disk, and forgetting."""

import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from server.contents.contents import Contents
from server.contents.disk import KeptOnDisk
from server.contents.memory import MOST
from server.conversation.events import Failed, PartDelta, PartStarted, Started
from server.conversation.parts import Text, Thinking, ToolCall
from server.errors import WorkerDied
from tests.server.contents.kit import Scene, record

DAY_S = 86_400


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.contents.close()


def test_nothing_is_kept_unless_it_is_switched_on(scene: Scene) -> None:
    scene.ask("one")
    assert scene.contents.get("one") == "not kept"
    scene.contents.keep(None)
    scene.ask("two")
    scene.contents.stop()
    scene.ask("three")
    assert scene.ids() == ["two"]
    assert not scene.file.exists()


def test_the_time_ends_the_keeping_and_not_what_is_kept(scene: Scene) -> None:
    scene.contents.keep(900)
    scene.ask("one")
    assert scene.contents.status.until == scene.clock.now + 900
    scene.clock.now += 900
    assert not scene.contents.is_on
    scene.ask("two")
    assert scene.ids() == ["one"]


def test_what_came_is_told_apart_from_what_was_not_kept(scene: Scene) -> None:
    scene.contents.keep(None)
    scene.ask("silent", body=b"", events=())
    kept = scene.contents.get("silent")
    assert isinstance(kept, Mapping)
    assert (kept["request"]["size"], kept["answer"]["came"]) == (0, False)
    assert scene.contents.get("unknown") == "not kept"
    running = scene.contents.keeper("running", "POST", "/v1/messages")
    assert scene.contents.get("running") == "running"
    assert running is not None
    scene.contents.end(running, record("running"))
    scene.contents.flush()
    assert isinstance(scene.contents.get("running"), Mapping)


def test_a_request_that_made_room_is_told_apart_too(scene: Scene) -> None:
    scene.contents.keep(None)
    for number in range(MOST + 1):
        scene.ask(f"req_{number}")
    assert scene.contents.get("req_0") == "dropped"
    assert len(scene.ids()) == MOST


def test_an_answer_is_kept_with_thoughts_calls_and_what_cut_it(scene: Scene) -> None:
    scene.contents.keep(None)
    events = (
        Started("claude"),
        PartStarted(0, Thinking("")),
        PartDelta(0, "Hm."),
        PartStarted(1, Text("")),
        PartDelta(1, "The key is sk-ant-api03-0123456789abcdef."),
        PartStarted(2, ToolCall("call_1", "look")),
        PartDelta(2, '{"at": '),
        PartDelta(2, '"sky"}'),
        Failed(WorkerDied()),
    )
    scene.ask("one", events=events)
    kept = scene.contents.get("one")
    assert isinstance(kept, Mapping)
    parts = [(part["kind"], part["text"], part["name"]) for part in kept["answer"]["parts"]]
    assert parts == [
        ("thinking", "Hm.", ""),
        ("text", "The key is sk-ant-[redacted].", ""),
        ("tool call", '{"at": "sky"}', "look"),
    ]
    assert "ended while it answered" in kept["answer"]["failure"]
    assert kept["ignored"] == "seed"


def test_forgetting_leaves_nothing(scene: Scene) -> None:
    scene.contents.keep(None)
    scene.ask("one")
    scene.ask("two")
    assert scene.contents.forget_one("one")
    assert scene.ids() == ["two"]
    scene.contents.forget()
    assert (scene.ids(), scene.contents.status.has_kept) == ([], False)


def holding(folder: Path, word: str) -> list[str]:
    """The names of the files in the folder that have the word."""
    return sorted(path.name for path in folder.iterdir() if word.encode() in path.read_bytes())


def test_what_came_before_the_forgetting_is_not_kept_after_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, days=1)
    scene.contents.keep(None)
    running = scene.contents.keeper("running", "POST", "/v1/messages")
    assert running is not None
    running.received(b'"secret words"')
    scene.contents.forget()
    assert scene.contents.get("running") == "not kept"
    scene.contents.end(running, record("running"))
    scene.contents.flush()
    assert (scene.ids(), scene.contents.get("running")) == ([], "not kept")
    assert holding(tmp_path, "secret words") == []
    scene.ask("later")
    assert scene.ids() == ["later"]
    scene.contents.close()


def test_what_waits_to_be_rendered_is_not_kept_after_the_forgetting(scene: Scene) -> None:
    scene.contents.keep(None)
    waits = threading.Event()

    def hold() -> None:
        waits.wait(10)

    scene.contents._later(hold)
    keeper = scene.contents.keeper("one", "POST", "/v1/messages")
    assert keeper is not None
    keeper.received(b'"secret words"')
    scene.contents.end(keeper, record("one"))
    scene.contents.forget()
    waits.set()
    scene.contents.flush()
    assert scene.ids() == []


def test_what_is_deleted_is_in_no_file_any_more(tmp_path: Path) -> None:
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("old", body="the old words")
    scene.clock.now += DAY_S
    scene.ask("one", body="the first words")
    scene.ask("two", body="the other words")
    scene.contents.flush()
    assert holding(tmp_path, "the first words") == ["contents.sqlite3"]
    assert scene.contents.forget_one("one")
    assert holding(tmp_path, "the first words") == []
    scene.clock.now += DAY_S + 1
    scene.contents.follow_settings()
    scene.contents.flush()
    assert holding(tmp_path, "the old words") == []
    assert holding(tmp_path, "the other words") == ["contents.sqlite3"]
    scene.contents.close()


def test_what_has_become_too_old_is_deleted_also_while_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.contents.contents._TIDY_S", 0.01)
    scene = Scene(tmp_path, days=1)
    scene.contents.keep(None)
    scene.ask("one", body="the first words")
    scene.contents.stop()
    scene.clock.now += DAY_S + 1
    while holding(tmp_path, "the first words"):
        time.sleep(0.01)
    scene.contents.close()


@pytest.mark.parametrize("how", ["forgotten", "switched off", "switched off before the start", "too old"])
def test_a_broken_file_is_deleted_with_the_others(tmp_path: Path, how: str) -> None:
    (tmp_path / "contents.sqlite3").write_bytes(b"the first words" * 1000)
    scene = Scene(tmp_path, days=1)
    scene.contents.flush()
    assert holding(tmp_path, "the first words") == ["contents.broken-1.sqlite3"]
    if how == "forgotten":
        scene.contents.forget()
    elif how == "switched off":
        scene.days = 0
        scene.contents.follow_settings()
    elif how == "too old":
        scene.clock.now = time.time() + DAY_S + 60
        scene.contents.follow_settings()
    scene.contents.flush()
    scene.contents.close()
    Scene(tmp_path, days=1 if how == "too old" else 0).contents.close()
    assert holding(tmp_path, "the first words") == []


def test_the_disk_keeps_them_for_some_days_in_a_private_file(tmp_path: Path) -> None:
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("one")
    scene.clock.now += DAY_S
    scene.ask("two")
    if sys.platform != "win32":
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        assert modes == {0o600}
    scene.contents.close()

    again = Scene(tmp_path, days=2)
    again.clock.now = scene.clock.now
    assert again.ids() == ["two", "one"]
    assert not again.contents.is_on
    again.clock.now += DAY_S + 1
    again.contents.keep(None)
    again.ask("three")
    assert again.ids() == ["three", "two"]
    again.contents.close()


def test_the_file_goes_when_the_settings_want_none(tmp_path: Path) -> None:
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("one")
    assert scene.file.exists()
    scene.days = 0
    scene.contents.follow_settings()
    scene.contents.flush()
    assert list(tmp_path.iterdir()) == []
    assert scene.ids() == ["one"]
    scene.contents.close()


def test_a_file_that_is_no_longer_wanted_goes_at_the_next_start(tmp_path: Path) -> None:
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("one")
    scene.contents.close()
    later = Scene(tmp_path, days=0)
    later.contents.flush()
    assert list(tmp_path.iterdir()) == []
    later.contents.close()


def test_what_a_kill_has_left_beside_the_file_goes_too(tmp_path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"contents.sqlite3{ending}").write_bytes(b"ZEPPELIN")
    scene = Scene(tmp_path)
    scene.contents.flush()
    assert list(tmp_path.iterdir()) == []
    scene.contents.close()


def test_forgetting_deletes_the_file(tmp_path: Path) -> None:
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("one")
    scene.contents.forget()
    scene.contents.flush()
    assert list(tmp_path.iterdir()) == []
    scene.ask("two")
    assert scene.ids() == ["two"]
    scene.contents.close()


def test_deleted_contents_are_overwritten(tmp_path: Path) -> None:
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("one", body="a word like ZEPPELIN")
    scene.contents.forget_one("one")
    scene.contents.close()
    assert b"ZEPPELIN" not in scene.file.read_bytes()


def test_a_place_that_cannot_be_written_leaves_them_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    scene = Scene(tmp_path / "file", days=2)
    scene.contents.keep(None)
    scene.ask("one")
    assert scene.ids() == ["one"]
    assert scene.contents.status.trouble
    scene.contents.close()


def test_a_full_disk_leaves_them_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("one")

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("server.contents.disk._prune", full)
    scene.ask("two")
    assert scene.ids() == ["two", "one"]
    assert "database or disk is full" in scene.troubles
    monkeypatch.undo()
    scene.ask("three")
    assert scene.contents.status.trouble is None
    scene.contents.close()


def test_a_damaged_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "contents.sqlite3").write_bytes(b"no database at all" * 100)
    scene = Scene(tmp_path, days=2)
    scene.contents.keep(None)
    scene.ask("one")
    assert isinstance(KeptOnDisk(scene.file).get("one"), Mapping)
    scene.contents.forget()
    scene.contents.flush()
    assert [file.name for file in tmp_path.iterdir() if b"hello" in file.read_bytes()] == []
    scene.contents.close()


def test_only_news_is_reported(scene: Scene) -> None:
    scene.contents.keep(None)
    before = scene.changes
    scene.ask("one")
    scene.ask("two")
    assert scene.changes == before + 1


def test_off_makes_no_thread(tmp_path: Path) -> None:
    contents = Contents(tmp_path / "contents.sqlite3", lambda: 0)
    contents.open()
    assert contents.keeper("one", "POST", "/v1/messages") is None
    assert contents._thread is None
    contents.close()
