"""Copying on KDE without wl-copy, with a small service on a private bus in place of KDE's own Klipper."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.tray.trayhost import TIMEOUT_S
from tray.desktop.clipboard import copy
from tray.desktop.dbus import Bus, IncomingCall

TEXT = "http://127.0.0.1:8082/v1 \u00fc \u6f22 \U0001f309\nand a second line"


class FakeKlipper:
    """Owns Klipper's name on the bus and keeps what it is given; refuses everything if `accepts` is False."""

    def __init__(self, address: str) -> None:
        self.texts: list[str] = []
        self.accepts = True
        self._bus = Bus(on_call=self._answer, environ={"DBUS_SESSION_BUS_ADDRESS": address})
        self._bus.request_name("org.kde.klipper").result(TIMEOUT_S)
        self.close = self._bus.close

    def _answer(self, call: IncomingCall) -> None:
        if not self.accepts or (call.path, call.interface, call.member) != (
            "/klipper",
            "org.kde.klipper.klipper",
            "setClipboardContents",
        ):
            call.refuse("org.freedesktop.DBus.Error.UnknownMethod")
            return
        (text,) = call.body
        self.texts.append(text)
        call.reply()


@pytest.fixture
def klipper(bus: str) -> Iterator[FakeKlipper]:
    with closing(FakeKlipper(bus)) as klipper:
        yield klipper


@pytest.fixture
def x11(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were copied through X11."""
    copied: list[str] = []
    monkeypatch.setattr("copykitten.copy", copied.append)
    return copied


def without_wl_copy(address: str) -> bool:
    environ = {"WAYLAND_DISPLAY": "wayland-0", "DBUS_SESSION_BUS_ADDRESS": address}
    return copy(TEXT, environ=environ, which=lambda _: None)


def test_on_kde_without_wl_copy_klipper_gets_the_text(bus: str, klipper: FakeKlipper, x11: list[str]) -> None:
    assert without_wl_copy(bus)
    assert klipper.texts == [TEXT]
    assert x11 == []


def test_if_klipper_refuses_the_text_may_not_have_arrived(bus: str, klipper: FakeKlipper, x11: list[str]) -> None:
    klipper.accepts = False
    assert not without_wl_copy(bus)
    assert x11 == [TEXT]


def test_without_klipper_none_is_started(bus: str, x11: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert not without_wl_copy(bus)
    assert x11 == [TEXT]
    # A call to a service that nobody owns would be answered with an error.
    assert "Klipper" not in caplog.text


def test_the_text_for_klipper_is_never_logged(
    bus: str, klipper: FakeKlipper, x11: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    without_wl_copy(bus)
    klipper.accepts = False
    without_wl_copy(bus)
    assert "second line" not in caplog.text


def test_on_x11_klipper_is_not_needed(bus: str, klipper: FakeKlipper, x11: list[str]) -> None:
    assert copy(TEXT, environ={"DISPLAY": ":0", "DBUS_SESSION_BUS_ADDRESS": bus}, which=lambda _: None)
    assert (klipper.texts, x11) == ([], [TEXT])
