"""A menu as dbusmenu sees it: numbered nodes with properties, and what changed from one menu to the next.

A number belongs to what a line does, for as long as the line exists, and is never given to another one: a click on a
menu that has changed meanwhile does what the person saw, or nothing.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tray.icon.pystray_types import Menu, MenuItem

# What goes over the bus: a D-Bus signature, and the value.
Variant = tuple[str, object]
Properties = Mapping[str, Variant]

_SUBMENU: Properties = {"children-display": ("s", "submenu")}
_SEPARATOR: Properties = {"type": ("s", "separator")}


@dataclass(frozen=True)
class Node:
    """A line of the menu and those below it. `item` is None for the root."""

    id: int
    properties: Properties
    item: MenuItem | None = None
    children: tuple["Node", ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """Which lines there are, and where."""
        return (self.id, *(child.shape for child in self.children))


@dataclass(frozen=True)
class Tree:
    """The whole menu at one moment. `revision` grows whenever its shape changes; `last` is the last number given."""

    root: Node = field(default_factory=lambda: Node(0, _SUBMENU))
    revision: int = 1
    last: int = 0

    @property
    def nodes(self) -> dict[int, Node]:
        """All nodes by their numbers."""
        return {node.id: node for node in _walk(self.root)}


@dataclass(frozen=True)
class Changes:
    """What hosts must hear: either that the shape is another one, or which properties are new or gone, by number."""

    shape: bool = False
    new: tuple[tuple[int, Properties], ...] = ()
    gone: tuple[tuple[int, tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        return self.shape or bool(self.new) or bool(self.gone)


def grown(old: Tree, menu: Iterable[MenuItem]) -> Tree:
    """The tree of `menu`; its lines keep the numbers that they had in `old`."""
    numbers = _Numbers(old.last)
    root = Node(0, _SUBMENU, None, _children(old.root, tuple(menu), numbers))
    return Tree(root, old.revision + (root.shape != old.root.shape), numbers.last)


def changes(old: Tree, new: Tree) -> Changes:
    """From `old` to `new`."""
    if old.revision != new.revision:
        return Changes(shape=True)
    before = old.nodes
    pairs = [(before[number].properties, node) for number, node in new.nodes.items()]
    return Changes(
        new=tuple(
            (node.id, {name: value for name, value in node.properties.items() if was.get(name) != value})
            for was, node in pairs
            if any(was.get(name) != value for name, value in node.properties.items())
        ),
        gone=tuple(
            (node.id, tuple(name for name in was if name not in node.properties))
            for was, node in pairs
            if was.keys() - node.properties.keys()
        ),
    )


class _Numbers:
    """Gives numbers, each once."""

    def __init__(self, last: int) -> None:
        self.last = last

    def next(self) -> int:
        self.last += 1
        return self.last


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _children(parent: Node, items: tuple[MenuItem, ...], numbers: _Numbers) -> tuple[Node, ...]:
    """The nodes of `items`, in their order."""
    nodes = []
    for item, old in zip(items, _recognised(parent.children, items), strict=True):
        number = old.id if old is not None else numbers.next()
        below = _children(old or Node(number, {}), tuple(item.submenu), numbers) if item.submenu else ()
        nodes.append(Node(number, _properties(item), item, below))
    return tuple(nodes)


def _recognised(olds: tuple[Node, ...], items: tuple[MenuItem, ...]) -> list[Node | None]:
    """For each item the old node that it continues, if there is one.

    It does and says the same; else it does the same; else it says the same.
    """
    found: list[Node | None] = [None] * len(items)
    left = {old.id: old for old in olds}
    for trait in _TRAITS:
        waiting: defaultdict[Hashable, deque[Node]] = defaultdict(deque)
        for old in left.values():
            assert old.item is not None, "only the root has no item"
            waiting[trait(old.item)].append(old)
        for place, item in enumerate(items):
            if found[place] is None and (candidates := waiting.get(trait(item))):
                old = candidates.popleft()
                found[place] = old
                del left[old.id]
    return found


def _kind(item: MenuItem) -> str:
    return "separator" if item is Menu.SEPARATOR else "submenu" if item.submenu is not None else "line"


def _deed(item: MenuItem) -> Hashable:
    """What a click does. A submenu does nothing but open."""
    # Private, and pystray has no other way: an action that is a value is the same action when it is equal.
    action = item._action  # noqa: SLF001
    return action if item.submenu is None and isinstance(action, Hashable) else None


_TRAITS: tuple[Callable[[MenuItem], Hashable], ...] = (
    lambda item: (_kind(item), _deed(item), item.text),
    lambda item: (_kind(item), _deed(item)),
    lambda item: (_kind(item), item.text),
)


def _properties(item: MenuItem) -> Properties:
    """As dbusmenu names them. What is the default is said too, since hosts differ in what they do with its absence."""
    if item is Menu.SEPARATOR:
        return _SEPARATOR
    properties: dict[str, Variant] = {
        # One underscore would mark the next letter as the access key.
        "label": ("s", item.text.replace("_", "__")),
        "enabled": ("b", bool(item.enabled)),
        "visible": ("b", True),
    }
    if item.checked is not None:
        properties["toggle-type"] = ("s", "radio" if item.radio else "checkmark")
        properties["toggle-state"] = ("i", int(bool(item.checked)))
    if item.submenu is not None:
        properties |= _SUBMENU
    return properties
