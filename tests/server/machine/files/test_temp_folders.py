"""Private folders, gone with their server; those of dead servers swept, those of living ones let be."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.machine.files.temp_folders import open_scratch, remove, shared_folders, sweep


def test_folders_are_private_and_vanish(tmp_path: Path) -> None:
    with open_scratch(tmp_path) as scratch:
        folder = scratch.folder()
        (folder / "file").write_text("x")
        if sys.platform != "win32":
            assert scratch.root.stat().st_mode & 0o077 == 0
        assert sweep(tmp_path) == 0
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib\n"
        "from server.machine.files.temp_folders import open_scratch\n"
        "with open_scratch(pathlib.Path(sys.argv[1])) as scratch:\n"
        "    scratch.folder()\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with open_scratch(tmp_path) as scratch:
        assert list(tmp_path.iterdir()) == [scratch.root]


def test_the_empty_folder_is_one_for_all_and_outside_the_users_folders(tmp_path: Path) -> None:
    own, shared = tmp_path / "sam", tmp_path / "shared"
    own.mkdir()
    shared.mkdir()
    with open_scratch(own, shared=[tmp_path / "nowhere", shared]) as scratch:
        assert list(shared.iterdir()) == []
        with ThreadPoolExecutor() as threads:
            folders = set(threads.map(lambda _: scratch.empty_folder(), range(20)))
        (folder,) = folders
        assert folder.is_relative_to(shared)
        assert folder.name == "empty-folder-of-the-api-relay-not-the-users"
        assert list(folder.iterdir()) == []
        if sys.platform != "win32":
            assert folder.parent.stat().st_mode & 0o077 == 0
            assert folder.stat().st_mode & 0o777 == 0o500
        assert sweep(shared) == 0
        # Some systems remove old folders of running programs.
        remove(folder.parent)
        assert scratch.empty_folder().is_dir()
    assert list(own.iterdir()) == list(shared.iterdir()) == []


def test_without_a_shared_folder_the_empty_one_is_in_the_servers_own(tmp_path: Path) -> None:
    with open_scratch(tmp_path, shared=[tmp_path / "nowhere"]) as scratch:
        assert scratch.empty_folder().parent == scratch.root
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_of_a_killed_server_is_swept(tmp_path: Path) -> None:
    own, shared = tmp_path / "sam", tmp_path / "shared"
    own.mkdir()
    shared.mkdir()
    program = (
        "import os, sys, pathlib\n"
        "from server.machine.files.temp_folders import open_scratch\n"
        "own, shared = map(pathlib.Path, sys.argv[1:])\n"
        "with open_scratch(own, shared=[shared]) as scratch:\n"
        "    scratch.empty_folder()\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(own), str(shared)], check=False)
    (left,) = shared.iterdir()
    with open_scratch(own, shared=[shared]) as scratch:
        folder = scratch.empty_folder()
        assert list(shared.iterdir()) == [folder.parent] != [left]


def test_the_shared_folders_name_no_user() -> None:
    for folder in shared_folders():
        assert not folder.is_relative_to(Path.home())
        assert folder.resolve().is_dir()


def test_what_is_not_a_scratch_root_stays(tmp_path: Path) -> None:
    (tmp_path / "drawbridge-notes").mkdir()
    (tmp_path / "drawbridge-file").write_text("x")
    (tmp_path / "other").mkdir()
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "in-use").write_text("")
    (tmp_path / "drawbridge-link").symlink_to(target)
    assert sweep(tmp_path) == 0
    assert target.exists()


def test_removing_what_is_gone_is_no_error(tmp_path: Path) -> None:
    remove(tmp_path / "nowhere")


def test_an_empty_folder_that_another_user_created_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_scratch(tmp_path, shared=[tmp_path]) as scratch:
        first = scratch.empty_folder()
        monkeypatch.setattr("server.machine.files.temp_folders._is_ours", lambda _: False)
        assert scratch.empty_folder() != first
