"""What `drawbridge doctor` reports about the tray."""

import pytest

from server.commands.checks.findings import Level
from tests.tray.trayhost import TrayHost
from tray.desktop.tray_detection import detect_tray


def look(address: str) -> tuple[Level, str]:
    found = detect_tray(environ={"DBUS_SESSION_BUS_ADDRESS": address})
    assert found.name == "tray"
    return found.level, found.text


def test_a_panel_is_detected_without_showing_an_icon(bus: str, host: TrayHost) -> None:
    verdict, words = look(bus)
    assert verdict is Level.OK
    assert "the panel of this desktop shows the icon" in words
    assert not host.items


def test_a_missing_tray_is_a_note_that_names_gnomes_extension(bus: str) -> None:
    with TrayHost(bus, watcher=False):
        verdict, words = look(bus)
    assert verdict is Level.NOTE
    assert "no panel of this desktop takes tray icons" in words
    assert "AppIndicator" in words
    assert "opens the dashboard" in words


def test_a_watcher_without_a_host_is_a_note(bus: str) -> None:
    with TrayHost(bus, has_host=False):
        verdict, words = look(bus)
    assert verdict is Level.NOTE
    assert "no panel shows them" in words


@pytest.mark.parametrize("environ", [{}, {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}])
def test_a_missing_session_bus_is_reported(environ: dict[str, str]) -> None:
    found = detect_tray(environ=environ)
    assert found.level is Level.NOTE
    assert "no D-Bus session bus" in found.text


@pytest.mark.parametrize(("platform", "place"), [("win32", "notification area"), ("darwin", "menu bar")])
def test_windows_and_macos_always_have_a_tray(platform: str, place: str) -> None:
    found = detect_tray(platform, {})
    assert found.level is Level.OK
    assert place in found.text
