"""The real app lets Claude use a real X server: turned on, started and stopped as the person at the desktop does."""

import sys
from pathlib import Path

import pytest

from tests.server.machine.vault import needs, virtual_display
from tests.tray.trayhost import TrayHost
from tests.whole.desktop import App, open_app

if sys.platform != "linux":
    pytest.skip("X11 is Linux's; not macOS or Windows", allow_module_level=True)

from tests.tray.desktop_control.xprograms import Person

USES = "Claude uses the desktop"
MENU = "Let Claude use the desktop"


def start(app: App, host: TrayHost) -> str:
    """Starts a session in the menu; returns the text of its notification."""
    before = len(host.notifications)
    app.item.click(MENU, "Start, for 10 minutes")
    app.until(f"{USES}: 10 min left")
    return host.wait(lambda: next((one.text for one in host.notifications[before:] if one.title == USES), None))


def ended(app: App, host: TrayHost, count: int) -> str:
    """Waits for the end number `count`; returns the text of its notification."""
    app.until_not(f"{USES}:")
    title = "Claude no longer uses the desktop"
    texts: list[str] = host.wait(
        lambda: found if len(found := [one.text for one in host.notifications if one.title == title]) >= count else None
    )
    return texts[-1]


def test_the_person_turns_it_on_starts_it_and_stops_it_in_each_way(tmp_path: Path, bus: str, host: TrayHost) -> None:
    needs("Xvfb")
    with virtual_display() as display, open_app(tmp_path, bus, host, environment={"DISPLAY": display}) as app:
        app.until("Running", "Computer use: off")
        assert MENU not in app.item.menu().text()
        app.item.click("Computer use: off", "Turn on (starts nothing yet)")
        app.until(MENU)
        assert "computer_use = true" in app.settings
        with Person(display) as person:
            person.move(300, 300)
            assert "press Ctrl+Alt+Esc, move the pointer into a corner" in start(app, host)
            assert USES in str(app.item["ToolTip"])
            person.tap("Control_L", "Alt_L", "Escape")
            assert "hot key" in ended(app, host, 1)
            assert USES not in str(app.item["ToolTip"])
            start(app, host)
            person.move(0, 0)
            assert "corner" in ended(app, host, 2)
            person.move(300, 300)
        start(app, host)
        app.item.click("Stop Claude's use of the desktop")
        assert "menu" in ended(app, host, 3)
        start(app, host)
        app.item.click("Stop")
        app.until("Stopped")
        assert "server has stopped" in ended(app, host, 4)
        assert "Traceback" not in app.log
        assert app.quit() == 0


def test_a_desktop_without_a_screen_is_told_and_the_server_continues(tmp_path: Path, bus: str, host: TrayHost) -> None:
    settings = "computer_use = true\n"
    with open_app(tmp_path, bus, host, settings=settings, environment={"DISPLAY": ""}) as app:
        app.until("Running")
        app.item.click(MENU, "Start, for 10 minutes")
        assert "There is no display." in host.wait_notification("Computer use is not available here").text
        app.until("No problems", MENU)
        assert app.chat().status_code == 200
