"""The AppImage, with stand-ins for the app and for the runtime, which cannot be downloaded everywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import ENVIRONMENT, ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have packages of their own")
PACK = ROOT / ".ci" / "packaging" / "linux" / "appimage"
RUNTIME = b"\x7fELF" + b"\0" * 4092


@pytest.fixture
def app(tmp_path: Path) -> Path:
    if shutil.which("mksquashfs") is None:
        pytest.skip("there is no mksquashfs on this machine: apt-get install squashfs-tools")
    folder = tmp_path / "dist" / "drawbridge"
    (folder / "_internal").mkdir(parents=True)
    (folder / "drawbridge").write_text('#!/bin/sh\necho "$0" "$@"\n')
    (folder / "drawbridge").chmod(0o755)
    (folder / "_internal" / "link").symlink_to("nowhere")
    (tmp_path / "runtime").write_bytes(RUNTIME)
    return folder


def pack(app: Path, out: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(PACK), str(app), str(out)], env={**ENVIRONMENT, **variables}, capture_output=True, text=True
    )


def test_it_is_a_runtime_and_a_file_system_from_which_the_app_starts(app: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "drawbridge.AppImage"
    done = pack(app, out, APPIMAGE_RUNTIME=str(tmp_path / "runtime"))
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(RUNTIME)
    assert os.access(out, os.X_OK)
    inside = tmp_path / "inside"
    command = ["unsquashfs", "-quiet", "-no-progress", "-offset", str(len(RUNTIME)), "-dest", str(inside), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    started = subprocess.run([inside / "AppRun", "status", "--json"], capture_output=True, text=True, check=True)
    assert started.stdout == f"{inside}/opt/drawbridge/drawbridge status --json\n"
    assert (inside / "opt" / "drawbridge" / "_internal" / "link").is_symlink()
    assert (inside / ".DirIcon").resolve().read_bytes() == (ROOT / "assets" / "icons" / "drawbridge.png").read_bytes()
    # The user updates an AppImage; it must not claim that a package manager does.
    assert not list(inside.rglob("MANAGED_BY"))


def test_a_runtime_with_another_checksum_is_refused(app: Path, tmp_path: Path) -> None:
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\necho another >"$2"\n')
    curl.chmod(0o755)
    out = tmp_path / "drawbridge.AppImage"
    done = pack(app, out, PATH=f"{tmp_path}:{ENVIRONMENT['PATH']}")
    assert done.returncode != 0
    assert not out.exists()


def test_without_a_built_app_it_says_so(tmp_path: Path) -> None:
    done = pack(tmp_path, tmp_path / "x.AppImage")
    assert (done.returncode, "the built app" in done.stderr) == (2, True)
