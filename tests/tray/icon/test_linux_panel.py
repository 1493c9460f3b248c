"""The Linux icon while its panel is hidden, late, restarted or of another colour."""

import pytest

from tests.tray.icon.shown import shown, until
from tests.tray.trayhost import TrayHost


def test_a_hidden_icon_is_passive(host: TrayHost) -> None:
    with shown() as one:
        item = host.wait_item()
        one.settle()
        item.layout()
        host.signals.clear()
        one.icon.visible = False
        assert host.wait_signal("NewStatus") == ("Passive",)
        assert item["Status"] == "Passive"


def test_an_icon_reappears_when_the_panel_restarts(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Quit"))
        host.wait_item()
        until(lambda: one.icon.has_host is True)
        for _ in range(3):
            host.stop_watcher()
            until(lambda: one.icon.has_host is False)
            host.start_watcher()
            item = host.wait_item()
            until(lambda: one.icon.has_host is True)
        item.click("Quit")
        assert one.next_click() == "Quit"


def test_an_icon_appears_in_a_panel_that_starts_later(bus: str) -> None:
    with TrayHost(bus, watcher=False) as host, shown() as one:
        until(lambda: one.icon.has_host is False)
        assert host.items == {}
        host.start_watcher()
        host.wait_item()
        until(lambda: one.icon.has_host is True)


def test_a_watcher_without_a_panel_is_not_a_host(bus: str) -> None:
    with TrayHost(bus, has_host=False) as host, shown() as one:
        host.wait_item()
        until(lambda: one.icon.has_host is False)
        host.host_appears()
        until(lambda: one.icon.has_host is True)


def test_on_plasma_the_icon_follows_the_colour_scheme(host: TrayHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    host.start_portal(dark=False)

    def colour() -> int:
        return int(host.wait_item()["IconPixmap"][0][2][1])

    with shown():
        until(lambda: colour() == 1)
        host.set_scheme(dark=True)
        until(lambda: colour() == 255)
        host.set_scheme(dark=False)
        until(lambda: colour() == 1)
