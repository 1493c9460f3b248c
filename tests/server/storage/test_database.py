"""The database on real files: new, older, newer, damaged, full, busy, and killed in the middle of a write."""

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.storage.database import MOST_WAITING, Change, Database, change, reading

FIRST = ("CREATE TABLE word (text TEXT NOT NULL) STRICT", "INSERT INTO word VALUES ('first')")
SECOND = ("ALTER TABLE word ADD COLUMN size INTEGER",)


def say(text: str) -> Change:
    return lambda connection: connection.execute("INSERT INTO word (text) VALUES (?)", [text])


def words(file: Path) -> list[str]:
    with reading(file) as connection:
        return [row["text"] for row in connection.execute("SELECT text FROM word ORDER BY rowid")]


@contextlib.contextmanager
def opened(file: Path, *migrations: tuple[str, ...]) -> Iterator[Database]:
    found = Database(file, migrations or (FIRST,))
    found.open()
    try:
        yield found
    finally:
        found.close()


def test_what_is_put_is_in_the_file_after_close_in_order_and_private(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "words.sqlite3"
    with opened(file) as found:
        for number in range(500):
            assert found.put(say(str(number)))
    assert words(file) == ["first", *map(str, range(500))]
    assert (found.trouble, found.dropped) == (None, 0)
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_put_after_close(tmp_path: Path) -> None:
    with opened(tmp_path / "words.sqlite3") as found:
        pass
    assert not found.put(say("late"))
    assert found.dropped == 1


def test_an_older_file_is_brought_to_the_version_of_today_once(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with opened(file) as found:
        found.put(say("kept"))
    for _ in range(2):
        with opened(file, FIRST, SECOND) as found:
            found.put(lambda connection: connection.execute("UPDATE word SET size = length(text)"))
    with reading(file) as connection:
        assert [tuple(row) for row in connection.execute("SELECT * FROM word")] == [("first", 5), ("kept", 4)]
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 2


def test_a_step_that_fails_leaves_the_old_version(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with opened(file):
        pass
    with opened(file, FIRST, ("ALTER TABLE word ADD COLUMN size INTEGER", "no such statement")) as found:
        assert not found.flush(0.1) or found.dropped
    assert found.trouble is not None
    with reading(file) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert [row["name"] for row in connection.execute("PRAGMA table_info(word)")] == ["text"]


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with opened(file, FIRST, SECOND):
        pass
    before = file.read_bytes()
    with opened(file, FIRST) as found:
        found.put(say("lost"))
        found.put(say("lost too"))
    assert found.trouble == "the file was written by a newer Drawbridge"
    assert found.dropped == 2
    assert file.read_bytes() == before


def test_a_newer_file_of_another_journal_mode_is_left_alone_to_the_last_byte(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as newer:
        newer.execute("CREATE TABLE sentence (text TEXT)")
        newer.execute("PRAGMA user_version = 9")
    before, written = file.read_bytes(), file.stat().st_mtime_ns
    with opened(file) as found:
        found.put(say("lost"))
    assert found.trouble == "the file was written by a newer Drawbridge"
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (before, written)
    assert [path.name for path in tmp_path.iterdir()] == ["words.sqlite3"]


@pytest.mark.parametrize("version", [-1, 0, 1])
def test_a_database_with_other_tables_is_set_aside(tmp_path: Path, version: int) -> None:
    file = tmp_path / "words.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE sentence (text TEXT)")
        other.execute(f"PRAGMA user_version = {version}")
    with opened(file) as found:
        found.put(say("new"))
    assert words(file) == ["first", "new"]
    assert (found.trouble, found.dropped) == (None, 0)
    with reading(tmp_path / "words.broken-1.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM sentence").fetchone()[0] == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows lets no one delete an open file")
def test_a_file_that_is_deleted_while_it_is_open_is_begun_again(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with opened(file) as found:
        found.put(say("gone"))
        assert found.flush()
        for path in list(tmp_path.iterdir()):
            path.unlink()
        found.put(say("new"))
        assert found.flush()
        assert words(file) == ["first", "new"]
    assert (found.trouble, found.dropped) == (None, 0)


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "words.sqlite3"
    file.write_bytes(content)
    (tmp_path / "words.broken-1.sqlite3").write_bytes(b"an earlier one")
    with opened(file) as found:
        found.put(say("new"))
    assert words(file) == ["first", "new"]
    assert (tmp_path / "words.broken-2.sqlite3").read_bytes() == content
    assert (found.trouble, found.dropped) == (None, 0)


def test_damage_in_a_page_is_found_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with opened(file) as found:
        for number in range(2000):
            found.put(say(f"{number} " * 20))
            if number % 500 == 0:
                found.flush()
    whole = bytearray(file.read_bytes())
    whole[5 * 4096 : 6 * 4096] = b"\x5a" * 4096
    file.write_bytes(whole)
    with opened(file) as found:
        found.put(say("new"))
    assert words(file) == ["first", "new"]
    assert (tmp_path / "words.broken-1.sqlite3").stat().st_size == len(whole)


def test_a_file_that_cannot_be_opened_is_tried_again_later(tmp_path: Path) -> None:
    now = [0.0]
    blocked = tmp_path / "folder"
    blocked.write_text("no folder")
    told: list[str | None] = []
    found = Database(
        blocked / "words.sqlite3", (FIRST,), on_trouble=lambda: told.append(found.trouble), clock=lambda: now[0]
    )
    found.open()
    found.put(say("lost"))
    while found.dropped < 1:
        time.sleep(0.01)
    assert told
    blocked.unlink()
    found.put(say("lost too"))
    while found.dropped < 2:
        time.sleep(0.01)
    now[0] += 31
    found.put(say("kept"))
    found.close()
    assert words(blocked / "words.sqlite3") == ["first", "kept"]
    assert found.trouble is None
    assert [bool(trouble) for trouble in told] == [True, False]


def test_a_full_disk_costs_what_does_not_fit_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    told: list[str | None] = []
    found = Database(file, (FIRST,), on_trouble=lambda: told.append(found.trouble))
    found.open()
    for one in (lambda connection: connection.execute("PRAGMA max_page_count = 40"), say("x" * 4096 * 60), say("y")):
        found.put(one)
        found.flush()
    found.close()
    assert told == ["database or disk is full", None]
    assert words(file) == ["first", "y"]
    assert found.dropped == 1


def test_a_bug_in_one_change_does_not_end_the_thread(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with opened(file) as found:
        found.put(lambda _: 1 // 0)
        found.flush()
        found.put(say("kept"))
    assert words(file) == ["first", "kept"]


def test_nobody_waits_for_a_busy_disk_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    held, go = threading.Event(), threading.Event()
    with opened(file) as found:
        found.put(lambda _: held.set())
        found.put(lambda _: go.wait(30))
        held.wait()
        while not found._changes.empty():
            time.sleep(0.01)
        taken = sum(found.put(say("x")) for _ in range(MOST_WAITING + 5))
        assert (taken, found.dropped) == (MOST_WAITING, 5)
        go.set()
    assert len(words(file)) == 1 + MOST_WAITING


def test_another_process_may_change_the_open_file(tmp_path: Path) -> None:
    file = tmp_path / "words.sqlite3"
    with opened(file) as found:
        found.put(say("secret-word"))
        found.flush()
        change(file, lambda connection: connection.execute("DELETE FROM word"))
        found.put(say("after"))
    assert words(file) == ["after"]
    assert b"secret-word" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_kill_in_the_middle_of_a_write_loses_whole_batches_only(tmp_path: Path) -> None:
    """Each change writes two rows; after a kill at any moment both are there, or none."""
    file = tmp_path / "words.sqlite3"
    program = f"""
from pathlib import Path
from tests.server.storage.test_database import FIRST, Database, say
database = Database(Path({str(file)!r}), (FIRST,))
database.open()
def pair(number):
    return lambda connection: (say(f"{{number}}a")(connection), say(f"{{number}}b")(connection))
number = 0
while True:
    number += database.put(pair(number))
    if number == 300:
        print("going", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "going\n"
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    process.stdout.close()
    with opened(file) as found:
        found.put(say("after"))
    first, *pairs, last = words(file)
    assert (first, last, found.dropped) == ("first", "after", 0)
    assert pairs == [f"{number // 2}{'ab'[number % 2]}" for number in range(len(pairs))]
    assert len(pairs) % 2 == 0
    assert not list(tmp_path.glob("*broken*"))


def test_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), reading(tmp_path / "none.sqlite3"):
        pass
    with pytest.raises(sqlite3.OperationalError):
        change(tmp_path / "none.sqlite3", say("x"))
    assert not list(tmp_path.iterdir())
