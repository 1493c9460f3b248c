"""Start at login on macOS: the launch agent, with a fake launchctl."""

import plistlib
from pathlib import Path

import pytest

from tests.tray.desktop.autostart.fakes import Launchctl
from tray.desktop.autostart.entry import AutostartRefused
from tray.desktop.autostart.macos import MacAutostart


@pytest.fixture
def launchctl() -> Launchctl:
    return Launchctl()


@pytest.fixture
def agent(tmp_path: Path, launchctl: Launchctl) -> MacAutostart:
    return MacAutostart(["/usr/bin/open", "-g", str(tmp_path)], tmp_path / "Library" / "LaunchAgents", launchctl)


def test_on_macos_the_entry_is_a_launch_agent(agent: MacAutostart, tmp_path: Path) -> None:
    assert agent.state() is False
    agent.set(True)
    assert agent.state() is True
    written = plistlib.loads(agent.file.read_bytes())
    assert agent.file.name == f"{written['Label']}.plist"
    assert written["ProgramArguments"] == ["/usr/bin/open", "-g", str(tmp_path)]
    assert (written["RunAtLoad"], written["LimitLoadToSessionType"]) == (True, "Aqua")
    agent.set(False)
    agent.set(False)
    assert (agent.state(), list(agent.file.parent.iterdir())) == (False, [])


def test_an_agent_disabled_in_the_settings_is_off_and_can_be_switched_on(
    agent: MacAutostart, launchctl: Launchctl
) -> None:
    agent.set(True)
    launchctl.disabled = True
    assert agent.state() is False
    agent.set(True)
    assert agent.state() is True
    assert "bootout" not in launchctl.calls, "it would end ourselves"


@pytest.mark.parametrize("change", [{"Disabled": True}, {"RunAtLoad": False}, {"ProgramArguments": []}])
def test_a_changed_agent_is_read_correctly(agent: MacAutostart, change: dict[str, object]) -> None:
    agent.set(True)
    agent.file.write_bytes(plistlib.dumps(plistlib.loads(agent.file.read_bytes()) | change))
    assert agent.state() is False


@pytest.mark.parametrize("content", [b"", b"not a list", b"<plist><dict>", plistlib.dumps(["x"])])
def test_an_unreadable_agent_is_unknown(agent: MacAutostart, content: bytes) -> None:
    agent.file.parent.mkdir(parents=True)
    agent.file.write_bytes(content)
    assert (agent.state(), agent.refresh()) == (None, False)


def test_on_macos_a_moved_app_is_replaced(agent: MacAutostart, launchctl: Launchctl) -> None:
    MacAutostart(["/usr/bin/open", "-g", "/gone/Drawbridge.app"], agent.file.parent, launchctl).set(True)
    assert (agent.refresh(), agent.refresh()) == (True, False)


def test_a_temporary_copy_of_macos_is_not_started_at_login(tmp_path: Path) -> None:
    """MacOS runs a quarantined app from a random folder, which is another one at the next start."""
    bundle = "/private/var/folders/x/T/AppTranslocation/1B2C/d/Drawbridge.app"
    agent = MacAutostart(["/usr/bin/open", "-g", bundle], tmp_path, lambda *_: "")
    with pytest.raises(AutostartRefused, match="Applications folder"):
        agent.set(True)
    assert not agent.file.exists()
    agent.set(False)


def test_on_macos_the_agent_follows_the_app_and_its_options(tmp_path: Path, launchctl: Launchctl) -> None:
    def command(folder: str, *options: str) -> list[str]:
        app = tmp_path / folder / "Drawbridge.app"
        app.mkdir(parents=True, exist_ok=True)
        return ["/usr/bin/open", "-g", str(app), *options]

    first = MacAutostart(command("Downloads"), tmp_path, launchctl)
    first.set(True)
    added = plistlib.loads(first.file.read_bytes()) | {"ThrottleInterval": 30}
    first.file.write_bytes(plistlib.dumps(added))
    wanted = command("Applications", "--args", "--port", "9000")
    second = MacAutostart(wanted, tmp_path, launchctl)
    assert (second.refresh(), second.refresh()) == (True, False)
    assert plistlib.loads(second.file.read_bytes()) == added | {"ProgramArguments": wanted}
    temporary = MacAutostart(["/usr/bin/open", "-g", "/x/AppTranslocation/1/d/Drawbridge.app"], tmp_path, launchctl)
    assert not temporary.refresh()
    assert plistlib.loads(second.file.read_bytes())["ProgramArguments"] == wanted
