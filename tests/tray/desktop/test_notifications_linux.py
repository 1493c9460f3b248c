"""Notifications on a private bus with a fake service."""

import queue
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tray.trayhost import TIMEOUT_S, Answer, Body, TrayHost
from tray.commands import Command, Open, Quit
from tray.desktop.notifications_linux import BusNotifier
from tray.model import Notice

Clicks = queue.SimpleQueue[Command]


@pytest.fixture
def clicks() -> Clicks:
    return queue.SimpleQueue()


@pytest.fixture
def notifier(bus: str) -> Iterator[BusNotifier]:
    notifier = BusNotifier()
    yield notifier
    notifier.close()
    assert "drawbridge-notices" not in {thread.name for thread in threading.enumerate()}


def test_a_notification_shows_its_title_and_text(host: TrayHost, notifier: BusNotifier, clicks: Clicks) -> None:
    notifier.show(Notice("The port is taken", "Port 8082 is taken by node (pid 7)."), clicks.put)
    shown = host.wait_notification("The port is taken")
    assert (shown.app, shown.title, shown.text, shown.actions) == (
        "Drawbridge",
        "The port is taken",
        "Port 8082 is taken by node (pid 7).",
        {},
    )


def test_a_click_runs_the_action_of_its_notification(host: TrayHost, notifier: BusNotifier, clicks: Clicks) -> None:
    notifier.show(Notice("First", "one", Open("log folder"), "Do it"), clicks.put)
    notifier.show(Notice("Second", "two", Quit(), "Do it"), clicks.put)
    first, second = host.wait_notification("First"), host.wait_notification("Second")
    # Some desktops show it as a button.
    assert first.actions == {"default": "Do it"}
    second.click()
    assert clicks.get(timeout=TIMEOUT_S) == Quit()
    first.click()
    assert clicks.get(timeout=TIMEOUT_S) == Open("log folder")
    assert clicks.empty()


class MarkupHost(TrayHost):
    """A service that reads the text as markup, as those of GNOME and Xfce do."""

    def _answer(self, place: tuple[str | None, str | None, str], sender: str, body: Body) -> Answer:
        if place[2] == "GetCapabilities":
            return "as", (["body", "actions", "body-markup"],)
        return super()._answer(place, sender, body)


@pytest.mark.parametrize(
    ("kind", "arrives"), [(TrayHost, "a < b & <b>c</b>"), (MarkupHost, "a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;")]
)
def test_markup_characters_are_escaped_where_needed(
    bus: str, notifier: BusNotifier, clicks: Clicks, kind: type[TrayHost], arrives: str
) -> None:
    with kind(bus) as host:
        notifier.show(Notice("Markup", "a < b & <b>c</b>"), clicks.put)
        assert host.wait_notification("Markup").text == arrives


def test_a_click_on_a_closed_notification_is_ignored(host: TrayHost, notifier: BusNotifier, clicks: Clicks) -> None:
    notifier.show(Notice("Closed", "x", Quit(), "Do it"), clicks.put)
    closed = host.wait_notification("Closed")
    closed.close()
    closed.click()
    notifier.show(Notice("Next", "y", Open("page"), "Do it"), clicks.put)
    host.wait_notification("Next").click()
    assert clicks.get(timeout=TIMEOUT_S) == Open("page")


def test_a_failed_click_does_not_stop_later_notifications(host: TrayHost, notifier: BusNotifier) -> None:
    failed = threading.Event()

    def fail(_: Command) -> None:
        failed.set()
        raise RuntimeError("no")

    notifier.show(Notice("Fails", "x", Quit(), "Do it"), fail)
    host.wait_notification("Fails").click()
    assert failed.wait(TIMEOUT_S)
    notifier.show(Notice("Still there", "y"), fail)
    host.wait_notification("Still there")


def test_without_a_service_it_is_logged_and_a_later_service_is_used(
    bus: str, notifier: BusNotifier, clicks: Clicks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with TrayHost(bus, notifications=False) as host:
        notifier.show(Notice("Lost", "x"), clicks.put)
        host.wait(lambda: "notifications: " in caplog.text or None)
    with TrayHost(bus) as host:
        notifier.show(Notice("Found", "y"), clicks.put)
        host.wait_notification("Found")


@pytest.mark.parametrize("address", ["", "unix:path=/nowhere/at/all"])
def test_without_a_bus_nothing_raises_or_blocks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clicks: Clicks, address: str, tmp_path: Path
) -> None:
    caplog.set_level("INFO")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    if address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    notifier = BusNotifier()
    for _ in range(3):
        notifier.show(Notice("Never shown", "x"), clicks.put)
    notifier.close()
    assert caplog.text.count("notifications: ") == 3


def test_after_a_lost_bus_the_next_notification_uses_a_new_one(bus: str, clicks: Clicks) -> None:
    from tests.tray.bus import private_bus

    environ: dict[str, str] = {}
    notifier = BusNotifier(environ=environ)
    for title in ("Before", "After"):
        with tempfile.TemporaryDirectory(prefix="bus-") as folder, private_bus(Path(folder)) as address:
            environ["DBUS_SESSION_BUS_ADDRESS"] = address
            with TrayHost(address) as host:
                notifier.show(Notice(title, "x", Quit(), "Do it"), clicks.put)
                host.wait_notification(title)
        for thread in threading.enumerate():
            if thread.name == "drawbridge-tray-bus":
                thread.join(TIMEOUT_S)
    notifier.close()


def test_only_the_last_notifications_can_be_clicked(host: TrayHost, notifier: BusNotifier, clicks: Clicks) -> None:
    for number in range(25):
        notifier.show(Notice(f"Notice {number:02}", "x", Open("page"), "Do it"), clicks.put)
    host.wait_notification("Notice 24")
    host.wait_notification("Notice 00").click()
    notifier.show(Notice("Last", "x", Quit(), "Do it"), clicks.put)
    host.wait_notification("Last").click()
    assert clicks.get(timeout=TIMEOUT_S) == Quit()
