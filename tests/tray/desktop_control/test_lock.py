"""A locked screen, as the services of a desktop tell it on a real bus."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.tray.desktop_control.xprograms import until
from tray.desktop.dbus import Bus, IncomingCall
from tray.desktop_control.x11.lock import Lock

GNOME, KDE, LOGIN = "org.gnome.ScreenSaver", "org.freedesktop.ScreenSaver", "org.freedesktop.login1"


@contextmanager
def service(bus: str, name: str, answer: object) -> Iterator[None]:
    """A service that gives one answer to everything; None: an error."""

    def on_call(call: IncomingCall) -> None:
        if answer is None:
            call.refuse("org.freedesktop.DBus.Error.NotSupported")
        elif isinstance(answer, bool):
            call.reply("b", answer)
        else:
            call.reply("v", answer)

    with closing(Bus(on_call=on_call, environ={"DBUS_SESSION_BUS_ADDRESS": bus})) as one:
        one.request_name(name).result(5)
        yield


def lock(bus: str) -> Lock:
    return Lock({"DBUS_SESSION_BUS_ADDRESS": bus, "DBUS_SYSTEM_BUS_ADDRESS": bus})


@pytest.mark.parametrize(
    ("name", "answer", "is_locked"),
    [
        (GNOME, True, True),
        (GNOME, False, False),
        (KDE, True, True),
        (GNOME, None, False),
        (LOGIN, ("b", True), True),
        (LOGIN, ("b", False), False),
    ],
)
def test_the_services_tell_it(bus: str, name: str, answer: object, is_locked: bool) -> None:
    with service(bus, name, answer), closing(lock(bus)) as asked:
        assert asked.is_locked() is is_locked


def test_one_that_says_yes_is_believed(bus: str) -> None:
    with service(bus, KDE, None), service(bus, GNOME, True), closing(lock(bus)) as asked:
        assert asked.is_locked()
    with service(bus, KDE, False), service(bus, LOGIN, ("b", True)), closing(lock(bus)) as asked:
        assert asked.is_locked()


def test_without_services_or_without_a_bus_the_screen_counts_as_open(bus: str) -> None:
    for address in (bus, "unix:path=/nowhere"):
        with closing(lock(address)) as asked:
            assert not asked.is_locked()


def test_a_lost_connection_is_made_anew(bus: str) -> None:
    with service(bus, GNOME, True), closing(lock(bus)) as asked:
        assert asked.is_locked()
        lost = asked._buses["session"]
        lost._connection.interrupt()
        until(lambda: asked._buses.get("session") is not lost)
        assert asked.is_locked()
    assert [thread.name for thread in threading.enumerate() if thread.name == "drawbridge-tray-bus"] == []
