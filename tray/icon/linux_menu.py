"""The menu on the bus: com.canonical.dbusmenu, answered from the tree of the moment."""

from collections.abc import Callable, Iterable, Mapping

from tray.desktop.dbus import UNKNOWN_METHOD, Bus, Call
from tray.desktop.dbus_names import MENU, MENU_PATH
from tray.icon.linux_menu_tree import Changes, Node, Properties, Tree, changes, grown
from tray.icon.pystray_types import MenuItem

_FIXED: Mapping[str, tuple[str, object]] = {
    "Version": ("u", 3),
    "Status": ("s", "normal"),
    "TextDirection": ("s", "ltr"),
    "IconThemePath": ("as", []),
}


class PublishedMenu:
    """One thread calls `update`; the bus's thread calls `answer`, which reads a tree that never changes.

    `refresh` is called on the bus's thread when a host is about to show the menu: it brings the menu up to date in
    its own time and then says through its argument whether something changed. `clicked` is called there too, after
    the reply is out: what it starts may end the connection.
    """

    def __init__(self, refresh: Callable[[Callable[[bool], None]], None], clicked: Callable[[MenuItem], None]) -> None:
        self._tree = Tree()
        self._refresh, self._clicked = refresh, clicked

    @property
    def properties(self) -> Mapping[str, tuple[str, object]]:
        """Those of the object, not of its lines."""
        return _FIXED

    @property
    def default(self) -> MenuItem | None:
        """What a click on the icon itself does."""
        return next((item for node in self._tree.root.children if (item := node.item) and item.default), None)

    def update(self, items: Iterable[MenuItem], bus: Bus | None) -> bool:
        """Publishes a menu, tells hosts what changed of it, and says whether anything did."""
        old, self._tree = self._tree, grown(self._tree, items)
        changed = changes(old, self._tree)
        if changed and bus is not None:
            self._tell(bus, changed)
        return bool(changed)

    def _tell(self, bus: Bus, changed: Changes) -> None:
        if changed.shape:
            bus.emit(MENU_PATH, MENU, "LayoutUpdated", "ui", self._tree.revision, 0)
        else:
            gone = [(number, list(names)) for number, names in changed.gone]
            bus.emit(MENU_PATH, MENU, "ItemsPropertiesUpdated", "a(ia{sv})a(ias)", list(changed.new), gone)

    def answer(self, call: Call) -> None:
        """Answers a call to the menu. Wrong arguments raise LookupError, TypeError or ValueError."""
        method = _METHODS.get(call.member)
        if method is None:
            call.refuse(UNKNOWN_METHOD, call.member)
        else:
            method(self, call)

    def _get_layout(self, call: Call) -> None:
        parent, depth, names = call.body
        tree = self._tree
        call.reply("u(ia{sv}av)", tree.revision, _layout(tree.nodes[parent], depth, names))

    def _get_group_properties(self, call: Call) -> None:
        numbers, names = call.body
        nodes = self._tree.nodes
        found = [(number, _chosen(nodes[number].properties, names)) for number in numbers or nodes if number in nodes]
        call.reply("a(ia{sv})", found)

    def _get_property(self, call: Call) -> None:
        number, name = call.body
        call.reply("v", self._tree.nodes[number].properties[name])

    def _event(self, call: Call) -> None:
        number, kind, _, _ = call.body
        item = _clicked(self._tree.nodes[number], kind)
        call.reply()
        if item is not None:
            self._clicked(item)

    def _event_group(self, call: Call) -> None:
        (events,) = call.body
        nodes = self._tree.nodes
        items = [_clicked(nodes[number], kind) for number, kind, _, _ in events if number in nodes]
        call.reply("ai", [number for number, *_ in events if number not in nodes])
        for item in items:
            if item is not None:
                self._clicked(item)

    def _about_to_show(self, call: Call) -> None:
        (number,) = call.body
        if number not in self._tree.nodes:
            raise LookupError(number)
        self._refresh(lambda changed: call.reply("b", changed))

    def _about_to_show_group(self, call: Call) -> None:
        (numbers,) = call.body
        unknown = [number for number in numbers if number not in self._tree.nodes]
        self._refresh(lambda changed: call.reply("aiai", [0] if changed else [], unknown))


_METHODS: Mapping[str, Callable[[PublishedMenu, Call], None]] = {
    "GetLayout": PublishedMenu._get_layout,  # noqa: SLF001 # a table of our own methods
    "GetGroupProperties": PublishedMenu._get_group_properties,  # noqa: SLF001
    "GetProperty": PublishedMenu._get_property,  # noqa: SLF001
    "Event": PublishedMenu._event,  # noqa: SLF001
    "EventGroup": PublishedMenu._event_group,  # noqa: SLF001
    "AboutToShow": PublishedMenu._about_to_show,  # noqa: SLF001
    "AboutToShowGroup": PublishedMenu._about_to_show_group,  # noqa: SLF001
}


def _layout(node: Node, depth: int, names: Iterable[str]) -> tuple[int, dict[str, tuple[str, object]], list[object]]:
    """A node as GetLayout gives it, `depth` levels deep; negative: all of them."""
    below = node.children if depth else ()
    children: list[object] = [("(ia{sv}av)", _layout(child, depth - 1, names)) for child in below]
    return node.id, _chosen(node.properties, names), children


def _chosen(properties: Properties, names: Iterable[str]) -> dict[str, tuple[str, object]]:
    """Those that are asked for by name; no names mean all of them."""
    wanted = set(names)
    return {name: value for name, value in properties.items() if not wanted or name in wanted}


def _clicked(node: Node, kind: str) -> MenuItem | None:
    """The item whose action is meant by an event: opened submenus and greyed lines do nothing."""
    item = node.item
    is_greyed = node.properties.get("enabled") != ("b", True)
    return None if kind != "clicked" or item is None or item.submenu is not None or is_greyed else item
