"""A tray for tests: the panel that shows the icon and the daemon that shows notifications, on a private bus.

    with private_bus(folder) as address, TrayHost(address) as host:
        ... start the app with DBUS_SESSION_BUS_ADDRESS=address ...
        item = host.wait_item()                 # the icon, once it has registered
        item.props()["ToolTip"]                 # its properties; item["Title"] for one of them
        item.menu().text()                      # the whole menu, in the form of tests/tray/menutext.py
        item.click("Default model", "Haiku")    # finds the line by its labels and clicks it as a panel does
        item.wait_menu(lambda menu: menu.find("Default model", "Haiku").checked)
        item.activate()                         # a click on the icon itself
        host.wait_notification("Drawbridge").click()      # by a part of its title; presses its button
        host.notifications                      # all of them so far
        host.signals                            # the signals the app has sent: (member, arguments)
        host.wait_signal("LayoutUpdated")       # one that has come since `host.signals.clear()`
        host.stop_watcher(); host.start_watcher()         # the panel ends, and comes again
        host.wait_gone()                        # the icon has left
        host.start_portal(dark=True); host.set_scheme(dark=False)    # the colours of the desktop

Fixtures of tests/tray/conftest.py give both: `bus` (the address) and `host`.

Names: `TrayHost(address, watcher=False)` starts without a panel, `notifications=False` without the daemon, and
`has_host=False` with a panel that takes icons and shows none. Every wait is bounded by `TIMEOUT_S` and raises
`TimeoutError` with the actual state. `item.menu()` first sends AboutToShow, as panels do, which lets the app refresh
its menu; `item.layout()` does not, and so shows what the app has pushed. Labels are compared as the user sees them,
without the marks of access keys.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageFlag,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.threading import ReceiveStopped, open_dbus_connection

from tests.tray.trayline import Line

TIMEOUT_S = 60.0
WATCHER, WATCHER_PATH = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
NOTIFICATIONS, NOTIFICATIONS_PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
PORTAL, PORTAL_PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
ITEM, MENU = "org.kde.StatusNotifierItem", "com.canonical.dbusmenu"
PROPERTIES = "org.freedesktop.DBus.Properties"
Body = tuple[Any, ...]
Found = TypeVar("Found")
Answer = tuple[str | None, Body]

_INTROSPECTION = {
    WATCHER_PATH: f"""<node><interface name="{WATCHER}">
<method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
<method name="RegisterStatusNotifierHost"><arg type="s" direction="in"/></method>
<property name="RegisteredStatusNotifierItems" type="as" access="read"/>
<property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
<property name="ProtocolVersion" type="i" access="read"/>
<signal name="StatusNotifierItemRegistered"><arg type="s"/></signal>
<signal name="StatusNotifierItemUnregistered"><arg type="s"/></signal>
<signal name="StatusNotifierHostRegistered"/>
</interface></node>""",
    NOTIFICATIONS_PATH: f"""<node><interface name="{NOTIFICATIONS}">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
<arg type="a{{sv}}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
<method name="GetServerInformation"><arg type="s" direction="out"/><arg type="s" direction="out"/>
<arg type="s" direction="out"/><arg type="s" direction="out"/></method>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
<signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>
</interface></node>""",
}


class CallFailed(Exception):
    """The app replied with an error."""


@dataclass(frozen=True)
class Icon:
    """A registered icon, used as a panel does."""

    host: "TrayHost"
    sender: str
    path: str

    def __getitem__(self, name: str) -> Any:
        return self.host.call(self.sender, self.path, PROPERTIES, "Get", "ss", ITEM, name)[0][1]

    def props(self) -> dict[str, Any]:
        """All its properties."""
        (raw,) = self.host.call(self.sender, self.path, PROPERTIES, "GetAll", "s", ITEM)
        return {name: value for name, (_, value) in raw.items()}

    def menu(self) -> Line:
        """The menu as a panel reads it before it shows it."""
        self.call_menu("AboutToShow", "i", 0)
        return self.layout()

    def layout(self) -> Line:
        """The menu as the app last pushed it."""
        _, root = self.call_menu("GetLayout", "iias", 0, -1, [])
        return Line(root)

    def click(self, *labels: str) -> Line:
        """Clicks the enabled line with these labels, the submenus' first. Raises LookupError."""
        line = self.menu().find(*labels)
        assert line.enabled, f"{labels} is greyed"
        self.click_id(line.id)
        return line

    def click_id(self, number: int) -> None:
        """Sends a click on a line, even a disabled one."""
        self.call_menu("Event", "isvu", number, "clicked", ("s", ""), 0)

    def activate(self) -> None:
        """Clicks the icon itself. Raises `CallFailed` if the panel would open the menu instead."""
        self.host.call(self.sender, self.path, ITEM, "Activate", "ii", 0, 0)

    def call_menu(self, method: str, signature: str, *values: object) -> Body:
        """Any call to the menu."""
        return self.host.call(self.sender, self["Menu"], MENU, method, signature, *values)

    def wait_menu(self, is_right: Callable[[Line], bool]) -> Line:
        """Waits for a menu that is right; LookupError counts as not right."""
        seen: list[Line] = []

        def look() -> Line | None:
            seen.append(self.menu())
            try:
                return seen[-1] if is_right(seen[-1]) else None
            except LookupError:
                return None

        return self.host.wait(look, lambda: f"the menu is:\n{seen[-1].text()}")


@dataclass(frozen=True)
class Notification:
    """A notification that the app has shown."""

    host: "TrayHost"
    id: int
    app: str
    title: str
    text: str
    icon: str
    actions: dict[str, str] = field(default_factory=dict)

    def click(self, action: str = "default") -> None:
        """Presses a button; "default" is the notification itself."""
        assert action in self.actions, f"there is no {action!r} in {self.actions}"
        self.host.emit(NOTIFICATIONS_PATH, NOTIFICATIONS, "ActionInvoked", "us", self.id, action)
        self.close()

    def close(self) -> None:
        """Dismisses it, as the user would."""
        self.host.emit(NOTIFICATIONS_PATH, NOTIFICATIONS, "NotificationClosed", "uu", self.id, 2)


class TrayHost:
    """The tray and the notification daemon; see the module's docstring."""

    def __init__(
        self, address: str, *, watcher: bool = True, notifications: bool = True, has_host: bool = True
    ) -> None:
        self.items: dict[str, Icon] = {}
        self.signals: list[tuple[str, Body]] = []
        self.notifications: list[Notification] = []
        self._has_host = has_host
        self._is_dark = False
        self._replies: dict[int, Future[Message]] = {}
        self._news = threading.Condition()
        self._count = 0
        self._connection = open_dbus_connection(address, auth_timeout=TIMEOUT_S)
        self._reader = threading.Thread(target=self._read, name="tray-host", daemon=True)
        self._starts = [name for name, wanted in ((WATCHER, watcher), (NOTIFICATIONS, notifications)) if wanted]

    def __enter__(self) -> Self:
        self._reader.start()
        for rule in (
            MatchRule(type="signal", interface=ITEM),
            MatchRule(type="signal", interface=MENU),
            MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged"),
        ):
            self._ask(message_bus.AddMatch(rule))
        for name in self._starts:
            self._own(name)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.interrupt()
        self._reader.join(TIMEOUT_S)
        self._connection.close()

    def start_watcher(self) -> None:
        """Starts the panel, with which icons register."""
        self._own(WATCHER)

    def stop_watcher(self) -> None:
        """Stops the panel and forgets its icons."""
        self._ask(message_bus.ReleaseName(WATCHER))
        with self._news:
            self.items.clear()

    def host_appears(self) -> None:
        """Begins to show the registered icons."""
        self._has_host = True
        self.emit(WATCHER_PATH, WATCHER, "StatusNotifierHostRegistered")

    def wait(self, look: Callable[[], Found | None], what: Callable[[], str] = lambda: "") -> Found:
        """Waits until `look` returns something true; calls it again after each message on the bus."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            before = self._count
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise TimeoutError(what() or f"icons {list(self.items)}, signals {self.signals}")
            with self._news:
                # Also without a message: `look` may check something outside the bus.
                self._news.wait_for(lambda before=before: self._count != before, 0.05)  # type: ignore[misc]

    def wait_item(self) -> Icon:
        """Waits for an icon to register."""
        return self.wait(lambda: next(iter(list(self.items.values())), None))

    def wait_gone(self) -> None:
        """Waits until no icon is registered."""
        self.wait(lambda: not self.items)

    def wait_signal(self, member: str) -> Body:
        """Waits for a signal of this name in `signals`; returns the first one's arguments."""
        return self.wait(lambda: next(((True, body) for name, body in list(self.signals) if name == member), None))[1]

    def wait_notification(self, title: str) -> Notification:
        """Waits for a notification with this in its title; returns the last one."""
        return self.wait(
            lambda: next((one for one in reversed(list(self.notifications)) if title in one.title), None),
            lambda: f"notifications: {self.notifications}",
        )

    def call(self, name: str, path: str, interface: str, method: str, signature: str, *values: object) -> Body:
        """Calls a method on the bus. Raises `CallFailed`."""
        return self._ask(new_method_call(DBusAddress(path, name, interface), method, signature, values))

    def emit(self, path: str, interface: str, member: str, signature: str | None = None, *values: object) -> None:
        """Sends a signal on the bus."""
        self._connection.send(new_signal(DBusAddress(path, interface=interface), member, signature, values))

    def start_portal(self, *, dark: bool) -> None:
        """Starts the portal with the desktop's colour scheme."""
        self._is_dark = dark
        self._own(PORTAL)

    def set_scheme(self, *, dark: bool) -> None:
        """Changes the desktop's colour scheme."""
        self._is_dark = dark
        value = ("u", 1 if dark else 2)
        where = ("org.freedesktop.appearance", "color-scheme")
        self.emit(PORTAL_PATH, "org.freedesktop.portal.Settings", "SettingChanged", "ssv", *where, value)

    def _own(self, name: str) -> None:
        (outcome,) = self._ask(message_bus.RequestName(name, 4))
        assert outcome == 1, f"{name} has an owner already: is this bus private?"

    def _ask(self, message: Message) -> Body:
        serial, reply = next(self._connection.outgoing_serial), Future[Message]()
        self._replies[serial] = reply
        self._connection.send(message, serial=serial)
        answer = reply.result(TIMEOUT_S)
        if answer.header.message_type is MessageType.error:
            raise CallFailed(answer.header.fields.get(HeaderFields.error_name), *answer.body)
        return tuple(answer.body)

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.receive()
            except (ReceiveStopped, OSError):
                return
            fields = message.header.fields
            match message.header.message_type:
                case MessageType.method_return | MessageType.error:
                    if reply := self._replies.pop(fields.get(HeaderFields.reply_serial), None):
                        reply.set_result(message)
                case MessageType.signal:
                    self._hear(fields[HeaderFields.member], tuple(message.body))
                case _:
                    self._serve(message)

    def _hear(self, member: str, body: Body) -> None:
        if member != "NameOwnerChanged":
            self.signals.append((member, body))
        elif not body[2]:
            for key in [key for key, item in self.items.items() if item.sender == body[0]]:
                del self.items[key]
                self.emit(WATCHER_PATH, WATCHER, "StatusNotifierItemUnregistered", "s", key)
        self._tell()

    def _tell(self) -> None:
        with self._news:
            self._count += 1
            self._news.notify_all()

    def _serve(self, message: Message) -> None:
        fields = message.header.fields
        place = (fields.get(HeaderFields.path), fields.get(HeaderFields.interface), fields[HeaderFields.member])
        try:
            signature, body = self._answer(place, fields[HeaderFields.sender], message.body)
            reply = new_method_return(message, signature, body)
        except LookupError as error:
            reply = new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "s", (str(error),))
        if not message.header.flags & MessageFlag.no_reply_expected:
            self._connection.send(reply)
        self._tell()

    def _answer(self, place: tuple[str | None, str | None, str], sender: str, body: Body) -> Answer:
        match place:
            case path, "org.freedesktop.DBus.Introspectable", "Introspect":
                return "s", (_INTROSPECTION.get(path or "", "<node/>"),)
            case _, "org.freedesktop.DBus.Peer", "Ping":
                return None, ()
            case "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties", "GetAll":
                return "a{sv}", (self._watcher_properties(),)
            case "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties", "Get":
                return "v", (self._watcher_properties()[body[1]],)
            case "/StatusNotifierWatcher", _, "RegisterStatusNotifierItem":
                self._register(sender, body[0])
                return None, ()
            case "/org/freedesktop/Notifications", _, "Notify":
                return "u", (self._notify(body),)
            case "/org/freedesktop/Notifications", _, "CloseNotification":
                return None, ()
            case "/org/freedesktop/Notifications", _, "GetCapabilities":
                return "as", (["body", "actions"],)
            case "/org/freedesktop/Notifications", _, "GetServerInformation":
                return "ssss", ("trayhost", "tests", "1", "1.2")
            case "/org/freedesktop/portal/desktop", _, "Read":
                return "v", (("v", ("u", 1 if self._is_dark else 2)),)
        raise LookupError(place)

    def _watcher_properties(self) -> dict[str, tuple[str, object]]:
        return {
            "RegisteredStatusNotifierItems": ("as", list(self.items)),
            "IsStatusNotifierHostRegistered": ("b", self._has_host),
            "ProtocolVersion": ("i", 0),
        }

    def _register(self, sender: str, what: str) -> None:
        path = what if what.startswith("/") else "/StatusNotifierItem"
        self.items[sender + path] = Icon(self, sender, path)
        self.emit(WATCHER_PATH, WATCHER, "StatusNotifierItemRegistered", "s", sender + path)

    def _notify(self, body: Body) -> int:
        app, replaces, icon, title, text, actions, _, _ = body
        number = replaces or len(self.notifications) + 1
        buttons = dict(zip(actions[::2], actions[1::2], strict=True))
        self.notifications.append(Notification(self, number, app, title, text, icon, buttons))
        return int(number)
