"""The built app: its self-test, serving without standard streams, its icon, and its use without Claude Code."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from server.machine.instance import Instance, read_instance
from tests.tray.trayhost import TrayHost
from tests.whole.bridge import child_environment, is_claude
from tests.whole.desktop import open_app

BOUND_S = 60.0


def test_its_test_of_itself(built: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [built, "doctor", "--self-test"], env=child_environment(tmp_path), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    lines = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert str(built.parent) in lines["Claude"]
    assert lines["an"].startswith("ok")


@pytest.mark.parametrize("module", ["pystray._base", "Xlib.display" if sys.platform == "linux" else "pynput.keyboard"])
def test_packages_under_the_lgpl_can_be_replaced(built: Path, module: str) -> None:
    """They are files of their own, and not in the program."""
    package = built.parent / "_internal" / module.partition(".")[0]
    assert (package / "__init__.py").is_file()
    assert module.encode() not in built.read_bytes()


def test_it_carries_what_computer_use_imports_late(built: Path) -> None:
    program = built.read_bytes()
    late = {"linux": "mss.linux.xshmgetimage", "win32": "mss.windows.gdi", "darwin": "mss.darwin"}
    assert late[sys.platform].encode() in program
    if sys.platform == "linux":
        files = ("ext/xtest.py", "ext/res.py", "support/unix_connect.py", "keysymdef/xf86.py")
        assert [name for name in files if not (built.parent / "_internal" / "Xlib" / name).is_file()] == []


@contextmanager
def serving(built: Path, folder: Path, **more: str) -> Iterator[Instance]:
    """The app without a tray and with closed standard streams, as a desktop may start it."""
    environment = child_environment(folder, **(more or {"DRAWBRIDGE_DEMO": "1"}))
    options = f"--data-dir {folder}/data --log-dir {folder}/logs"
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"exec '{built}' serve {options} <&- >&- 2>&-"], env=environment, cwd=folder
    )
    try:
        until = time.monotonic() + BOUND_S
        while (instance := read_instance(folder / "data")) is None:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield instance
        stopped = subprocess.run(
            [built, "stop", "--data-dir", folder / "data"], env=environment, capture_output=True, timeout=60
        )
        assert stopped.returncode == 0
        assert process.wait(BOUND_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.skipif(os.name != "posix", reason="Windows starts programs without streams by another program")
def test_without_standard_streams_it_serves_and_logs(built: Path, tmp_path: Path) -> None:
    with serving(built, tmp_path) as instance:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        url = f"{instance.base_url}/chat/completions"
        assert "demo" in httpx.post(url, json=body, trust_env=False, timeout=60).text
        # Its standard streams are the null device, not the first files that it opened.
        assert {str(Path(f"/proc/{instance.pid}/fd/{number}").readlink()) for number in range(3)} == {os.devnull}
    assert "answered: way" in "".join(path.read_text() for path in (tmp_path / "logs").glob("*.log"))


@pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS find libraries in other ways")
@pytest.mark.parametrize("users", ["", "/opt/users/own"])
def test_its_children_get_the_library_path_of_its_user(built: Path, tmp_path: Path, users: str) -> None:
    # Not the demo, which gives its children no variables of the user. No request is sent.
    account = {"ANTHROPIC_API_KEY": "sk-nobody-0123456789abcdef", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    with serving(built, tmp_path, **account, **({"LD_LIBRARY_PATH": users} if users else {})) as instance:
        server = psutil.Process(instance.pid)
        assert "_internal" in server.environ().get("LD_LIBRARY_PATH", "")
        until = time.monotonic() + BOUND_S
        while not (children := [one for one in server.children() if is_claude(one)]):
            assert time.monotonic() < until
            time.sleep(0.05)
        environment = children[0].environ()
        assert environment.get("LD_LIBRARY_PATH", "") == users
        assert not [name for name in environment if name.startswith(("_MEI", "_PYI", "PYTHON"))]


@pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own")
def test_it_shows_its_icon_and_is_driven_by_its_menu(built: Path, tmp_path: Path, bus: str, host: TrayHost) -> None:
    with open_app(tmp_path, bus, host, command=[str(built)]) as app:
        app.until("Running on port")
        assert app.chat().status_code == 200
        app.item.click("Stop")
        app.until("Stopped")
        app.item.click("Start")
        app.until("Running on port")
        assert app.quit() == 0


@pytest.fixture
def slim(built: Path, tmp_path: Path) -> Path:
    """The program of a build without Claude Code."""
    folder = tmp_path / "slim"
    shutil.copytree(built.parent, folder, symlinks=True, ignore=shutil.ignore_patterns("_bundled"))
    return folder / built.name


# Without a Claude Code.
BARE_PATH = "/usr/bin:/bin"


@pytest.mark.skipif(os.name != "posix", reason="Windows starts programs without streams by another program")
def test_without_a_claude_code_it_leads_to_the_official_installer(slim: Path, tmp_path: Path) -> None:
    with serving(slim, tmp_path, PATH=BARE_PATH) as instance:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        reply = httpx.post(f"{instance.base_url}/chat/completions", json=body, trust_env=False, timeout=60)
        assert reply.status_code == 503
        assert "https://claude.com/claude-code" in reply.text


@pytest.mark.skipif(os.name != "posix", reason="Windows starts programs without streams by another program")
def test_without_its_own_it_finds_the_users_claude_code(slim: Path, built: Path, tmp_path: Path) -> None:
    own = tmp_path / "home" / ".local" / "bin" / "claude"
    own.parent.mkdir(parents=True)
    own.symlink_to(built.parent / "_internal" / "claude_agent_sdk" / "_bundled" / "claude")
    with serving(slim, tmp_path, PATH=BARE_PATH, DRAWBRIDGE_DEMO="1") as instance:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        reply = httpx.post(f"{instance.base_url}/chat/completions", json=body, trust_env=False, timeout=60)
        assert "demo" in reply.text
