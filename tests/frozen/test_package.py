"""Validates the files of the packages with the desktop's own tools."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.whole.bridge import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have installers of their own")
SHARE = ROOT / "build" / "package" / "share"


def judged(*command: str | Path) -> str:
    """Runs a tool, which must succeed; returns its output."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.usefixtures("package")
def test_the_desktop_file_is_valid() -> None:
    assert judged("desktop-file-validate", SHARE / "applications" / "drawbridge.desktop") == ""


@pytest.mark.usefixtures("package")
def test_the_software_centre_understands_it() -> None:
    output = judged("appstreamcli", "validate", "--no-net", SHARE / "metainfo" / "app.drawbridge.tray.metainfo.xml")
    assert "successful" in output


@pytest.mark.usefixtures("package")
def test_the_scripts_of_the_package_are_sound() -> None:
    judged("shellcheck", ROOT / ".ci" / "packaging" / "linux" / "stop")


# What is so in each folder that PyInstaller makes, and in the Claude Code that lies in it untouched.
INHERENT = (
    *("custom-library-search-path", "dir-or-file-in-opt", "embedded-library", "hardening-no-pie"),
    *("library-not-linked-against-libc", "shared-library-is-executable", "shared-library-lacks-prerequisites"),
    *("unstripped-binary-or-object", "uses-dpkg-database-directly"),
    # What has changed stands at the releases.
    "no-changelog",
    # The project has an address of pages and none for letters.
    "bogus-mail-host",
)


@pytest.mark.timeout(500)
def test_debians_own_critic_finds_nothing_else(package: Path) -> None:
    assert judged("lintian", "--allow-root", "--fail-on", "error", "--suppress-tags", ",".join(INHERENT), package) == ""


def test_the_rpm_brings_the_same_files(package: Path) -> None:
    found = sorted((ROOT / "dist").glob("drawbridge_*.rpm"))
    if not found:
        pytest.skip("the .rpm is not built: uv run --group build .ci/package")
    rpm = set(judged("rpm", "-qlp", found[-1]).split())
    listed = judged("dpkg-deb", "--contents", package).splitlines()
    names = {line.split(" ./", 1)[1].split(" -> ")[0].rstrip("/") for line in listed}
    files = {f"/{name}" for name in names if name.count("/") > 1}
    # A folder that belongs to the system is the package's in one of the two.
    assert {path for path in files - rpm if Path(path).suffix} == set()
    assert "/usr/bin/drawbridge" in rpm


def test_every_package_that_it_carries_has_its_licence() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "licences", "/dev/stdout"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "pystray 0.19.5: GNU Lesser General Public License v3" in done.stdout
    assert "Anthropic's terms" in done.stdout
    for name in ("fastapi", "keyring", "claude-agent-sdk", "jeepney", "mss", "pillow", "python-xlib"):
        assert f"\n{name} " in done.stdout
