"""A slow disk: what is to be deleted before the file has been made is deleted all the same."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from server.storage.database import Database
from tests.server.contents.kit import Scene
from tests.server.contents.test_contents import DAY_S, holding

WORDS = "the first words"
WAIT_S = 60.0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Databases make their files once it is set."""
    ready, connect = threading.Event(), Database._connect

    def connect_later(self: Database) -> None:
        assert ready.wait(WAIT_S)
        connect(self)

    monkeypatch.setattr(Database, "_connect", connect_later)
    return ready


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def kept_slowly(folder: Path) -> Scene:
    """A request is kept, and the disk has not yet taken it."""
    scene = Scene(folder, days=1)
    scene.contents.keep(None)
    scene.begin_to_keep("one", body=WORDS)
    until(lambda: scene.contents._disk._database is not None)
    return scene


def forget(scene: Scene) -> None:
    scene.contents.forget()


def forget_one(scene: Scene) -> None:
    # As `forget_one`, which also waits for the disk.
    scene.contents._disk.drop("one")


def switch_off(scene: Scene) -> None:
    scene.days = 0
    scene.contents.follow_settings()


def become_old(scene: Scene) -> None:
    scene.contents.stop()
    scene.clock.now += DAY_S + 1
    scene.contents.follow_settings()


@pytest.mark.parametrize("delete", [forget, forget_one, switch_off, become_old])
def test_what_is_deleted_before_it_is_written_is_not_kept(
    tmp_path: Path, disk: threading.Event, delete: Callable[[Scene], None]
) -> None:
    scene = kept_slowly(tmp_path)
    delete(scene)
    disk.set()
    scene.contents.flush()
    assert holding(tmp_path, WORDS) == []
    scene.contents.close()


def test_what_becomes_too_old_later_is_deleted_without_another_request(
    tmp_path: Path, disk: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.contents.contents._TIDY_S", 0.01)
    scene = kept_slowly(tmp_path)
    scene.contents.stop()
    until(scene.contents._work.empty)
    disk.set()
    until(lambda: holding(tmp_path, WORDS) != [])
    scene.clock.now += DAY_S + 1
    until(lambda: holding(tmp_path, WORDS) == [])
    scene.contents.close()
