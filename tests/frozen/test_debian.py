"""The .deb in a Debian without Python: installed, started from the desktop, upgraded and removed while it runs."""

import configparser
import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.frozen.debian import Debian, mounted
from tests.tray.trayhost import TrayHost
from tests.whole.desktop import App

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have installers of their own"),
    pytest.mark.timeout(600),
]
END_S = 40.0


@pytest.fixture
def installed(debian: Debian) -> Iterator[Debian]:
    debian.run("dpkg", "-i", "/tmp/drawbridge.deb")
    yield debian
    debian.run("dpkg", "-r", "drawbridge")
    assert debian.processes() == []


@contextmanager
def started(debian: Debian, bus: str, host: TrayHost, folder: Path) -> Iterator[App]:
    """Starts the app as a desktop does: by the Exec line of its desktop file."""
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(debian.root / "usr/share/applications/drawbridge.desktop")
    command = shlex.split(entry["Desktop Entry"]["Exec"])
    socket = Path(re.sub(r"unix:path=([^,]+).*", r"\1", bus))
    with ExitStack() as stack:
        # The session bus of this machine, at the same path.
        stack.enter_context(mounted(debian.root / str(socket.parent).lstrip("/"), "--bind", str(socket.parent)))
        process = debian.start(command, {"DBUS_SESSION_BUS_ADDRESS": bus, "DRAWBRIDGE_DEMO": "1"})
        try:
            yield App(process, host, folder, {})
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(END_S)


def test_there_is_no_python(debian: Debian) -> None:
    assert not list((debian.root / "usr/bin").glob("python*"))


def test_it_shows_its_icon_and_answers_and_quits(installed: Debian, bus: str, host: TrayHost, tmp_path: Path) -> None:
    with started(installed, bus, host, tmp_path) as app:
        app.until("Running on port")
        chunks = streamed(app.port, "Is the bridge down?")
        assert len(chunks) > 2
        assert "demo" in "".join(chunks)
        engine = app.get("/health").json()["cli"]
        assert engine["path"] == "/opt/drawbridge/_internal/claude_agent_sdk/_bundled/claude"
        assert app.quit() == 0
    assert installed.processes() == []


def streamed(port: int, question: str) -> list[str]:
    """Returns the chunks of a streamed answer, which must end with [DONE]."""
    body = {"stream": True, "messages": [{"role": "user", "content": question}]}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, trust_env=False, timeout=60) as reply:
        assert reply.status_code == 200
        lines = [line.removeprefix("data: ") for line in reply.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    choices = [choice for line in lines[:-1] for choice in json.loads(line).get("choices", ())]
    return [text for choice in choices if (text := choice["delta"].get("content"))]


def test_what_its_desktop_shows_of_it(installed: Debian) -> None:
    share = installed.root / "usr/share"
    assert (share / "icons/hicolor/48x48/apps/drawbridge.png").is_file()
    assert (share / "metainfo/app.drawbridge.tray.metainfo.xml").is_file()
    assert (share / "man/man1/drawbridge.1.gz").is_file()
    # It starts at login only if the user chooses that.
    assert not list((installed.root / "etc/xdg").glob("autostart/*"))


def test_it_knows_that_apt_updates_it(installed: Debian) -> None:
    assert (installed.root / "opt/drawbridge/_internal/assets/MANAGED_BY").read_text() == "apt"


def test_an_upgrade_asks_the_running_one_to_end(installed: Debian, bus: str, host: TrayHost, tmp_path: Path) -> None:
    with started(installed, bus, host, tmp_path) as app:
        app.until("Running on port")
        assert app.chat().status_code == 200
        installed.run("dpkg", "-i", "/tmp/drawbridge.deb")
        # Stopped, not killed.
        assert app.process.wait(END_S) == 0
    assert installed.processes() == []
    with started(installed, bus, host, tmp_path) as app:
        app.until("Running on port")
        assert app.quit() == 0


def test_a_removal_leaves_nothing_running_and_no_file(debian: Debian, bus: str, host: TrayHost, tmp_path: Path) -> None:
    before = files_of(debian)
    debian.run("dpkg", "-i", "/tmp/drawbridge.deb")
    with started(debian, bus, host, tmp_path) as app:
        app.until("Running on port")
        debian.run("dpkg", "-r", "drawbridge")
        assert app.process.wait(END_S) == 0
    assert debian.processes() == []
    assert files_of(debian) - before == set()


def files_of(debian: Debian) -> set[str]:
    """Returns all files in the folders that packages install to."""
    return {str(path) for name in ("opt", "usr", "etc") for path in (debian.root / name).rglob("*")}
