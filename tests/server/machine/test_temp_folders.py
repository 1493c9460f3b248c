"""Private folders, gone with their server; those of dead servers swept, those of living ones let be."""

import subprocess
import sys
from pathlib import Path

import pytest

from server.machine.temp_folders import open_scratch, remove, sweep


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
        "from server.machine.temp_folders import open_scratch\n"
        "with open_scratch(pathlib.Path(sys.argv[1])) as scratch:\n"
        "    scratch.folder()\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with open_scratch(tmp_path) as scratch:
        assert list(tmp_path.iterdir()) == [scratch.root]


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
