"""The menu over D-Bus (com.canonical.dbusmenu), answered from the current tree."""

from collections.abc import Callable, Iterable, Mapping

from tray.desktop.dbus import UNKNOWN_METHOD, Bus, IncomingCall
from tray.desktop.dbus_names import MENU, MENU_PATH
from tray.icon.linux_menu_tree import Changes, Node, Properties, Tree, changes, next_tree
from tray.icon.pystray_types import MenuItem

MENU_PROPERTIES: Mapping[str, tuple[str, object]] = {
    "Version": ("u", 3),
    "Status": ("s", "normal"),
    "TextDirection": ("s", "ltr"),
    "IconThemePath": ("as", []),
}


class PublishedMenu:
    """Publishes the menu. `update` is called on the drawing thread, `answer` on the bus's thread.

    Both callbacks run on the bus's thread. `refresh` is called when a panel is about to show the menu: it updates the
    menu later and then calls its argument with whether anything changed. `clicked` is called after the reply is sent,
    since the click may end the connection.
    """

    def __init__(self, refresh: Callable[[Callable[[bool], None]], None], clicked: Callable[[MenuItem], None]) -> None:
        self._tree = Tree()
        self._refresh, self._clicked = refresh, clicked

    @property
    def default(self) -> MenuItem | None:
        """The item for a click on the icon itself."""
        return next((item for node in self._tree.root.children if (item := node.item) and item.default), None)

    def update(self, items: Iterable[MenuItem], bus: Bus | None) -> bool:
        """Publishes a menu, signals the changes, and returns whether there were any."""
        old, self._tree = self._tree, next_tree(self._tree, items)
        changed = changes(old, self._tree)
        if changed and bus is not None:
            self._emit(bus, changed)
        return bool(changed)

    def _emit(self, bus: Bus, changed: Changes) -> None:
        if changed.is_new_layout:
            bus.emit(MENU_PATH, MENU, "LayoutUpdated", "ui", self._tree.revision, 0)
        else:
            gone = [(number, list(names)) for number, names in changed.gone]
            bus.emit(MENU_PATH, MENU, "ItemsPropertiesUpdated", "a(ia{sv})a(ias)", list(changed.new), gone)

    def answer(self, call: IncomingCall) -> None:
        """Answers a call to the menu. Raises LookupError, TypeError or ValueError for wrong arguments."""
        method = _METHODS.get(call.member)
        if method is None:
            call.refuse(UNKNOWN_METHOD, call.member)
        else:
            method(self, call)

    def _get_layout(self, call: IncomingCall) -> None:
        parent, depth, names = call.body
        tree = self._tree
        call.reply("u(ia{sv}av)", tree.revision, _layout(tree.nodes[parent], depth, names))

    def _get_group_properties(self, call: IncomingCall) -> None:
        numbers, names = call.body
        nodes = self._tree.nodes
        found = [(number, _chosen(nodes[number].properties, names)) for number in numbers or nodes if number in nodes]
        call.reply("a(ia{sv})", found)

    def _get_property(self, call: IncomingCall) -> None:
        number, name = call.body
        call.reply("v", self._tree.nodes[number].properties[name])

    def _event(self, call: IncomingCall) -> None:
        number, kind, _, _ = call.body
        item = _clicked(self._tree.nodes[number], kind)
        call.reply()
        if item is not None:
            self._clicked(item)

    def _event_group(self, call: IncomingCall) -> None:
        (events,) = call.body
        nodes = self._tree.nodes
        items = [_clicked(nodes[number], kind) for number, kind, _, _ in events if number in nodes]
        call.reply("ai", [number for number, *_ in events if number not in nodes])
        for item in items:
            if item is not None:
                self._clicked(item)

    def _about_to_show(self, call: IncomingCall) -> None:
        (number,) = call.body
        if number not in self._tree.nodes:
            raise LookupError(number)
        self._refresh(lambda changed: call.reply("b", changed))

    def _about_to_show_group(self, call: IncomingCall) -> None:
        (numbers,) = call.body
        unknown = [number for number in numbers if number not in self._tree.nodes]
        self._refresh(lambda changed: call.reply("aiai", [0] if changed else [], unknown))


_METHODS: Mapping[str, Callable[[PublishedMenu, IncomingCall], None]] = {
    "GetLayout": PublishedMenu._get_layout,  # noqa: SLF001 # a table of our own methods
    "GetGroupProperties": PublishedMenu._get_group_properties,  # noqa: SLF001
    "GetProperty": PublishedMenu._get_property,  # noqa: SLF001
    "Event": PublishedMenu._event,  # noqa: SLF001
    "EventGroup": PublishedMenu._event_group,  # noqa: SLF001
    "AboutToShow": PublishedMenu._about_to_show,  # noqa: SLF001
    "AboutToShowGroup": PublishedMenu._about_to_show_group,  # noqa: SLF001
}


def _layout(node: Node, depth: int, names: Iterable[str]) -> tuple[int, dict[str, tuple[str, object]], list[object]]:
    """A node as GetLayout returns it, `depth` levels deep; negative: all levels."""
    below = node.children if depth else ()
    children: list[object] = [("(ia{sv}av)", _layout(child, depth - 1, names)) for child in below]
    return node.id, _chosen(node.properties, names), children


def _chosen(properties: Properties, names: Iterable[str]) -> dict[str, tuple[str, object]]:
    """The properties with these names; without names, all."""
    wanted = set(names)
    return {name: value for name, value in properties.items() if not wanted or name in wanted}


def _clicked(node: Node, kind: str) -> MenuItem | None:
    """The item to run for an event; None for opened submenus and disabled lines."""
    item = node.item
    is_disabled = node.properties.get("enabled") != ("b", True)
    return None if kind != "clicked" or item is None or item.submenu is not None or is_disabled else item
