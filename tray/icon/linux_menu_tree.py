"""A menu as a dbusmenu tree of numbered nodes, and the changes between two trees.

A line keeps its number as long as it exists, and numbers are never reused: a click on a menu that has changed meanwhile
does what the user saw, or nothing.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tray.icon.pystray_types import Menu, MenuItem

# A D-Bus signature and a value.
Variant = tuple[str, object]
Properties = Mapping[str, Variant]

_SUBMENU: Properties = {"children-display": ("s", "submenu")}
_SEPARATOR: Properties = {"type": ("s", "separator")}


@dataclass(frozen=True)
class Node:
    """A line of the menu with its submenu. `item` is None for the root."""

    id: int
    properties: Properties
    item: MenuItem | None = None
    children: tuple["Node", ...] = ()

    @property
    def layout(self) -> tuple[object, ...]:
        """The numbers of all lines, nested."""
        return (self.id, *(child.layout for child in self.children))


@dataclass(frozen=True)
class Tree:
    """The whole menu. `revision` grows with each change of the layout; `last` is the last number assigned."""

    root: Node = field(default_factory=lambda: Node(0, _SUBMENU))
    revision: int = 1
    last: int = 0

    @property
    def nodes(self) -> dict[int, Node]:
        """All nodes by number."""
        return {node.id: node for node in _walk(self.root)}


@dataclass(frozen=True)
class Changes:
    """What to signal to panels: a new layout, or else the new and removed properties by number."""

    is_new_layout: bool = False
    new: tuple[tuple[int, Properties], ...] = ()
    gone: tuple[tuple[int, tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        return self.is_new_layout or bool(self.new) or bool(self.gone)


def next_tree(old: Tree, menu: Iterable[MenuItem]) -> Tree:
    """The tree of `menu`, whose lines keep their numbers from `old`."""
    numbers = _Numbers(old.last)
    root = Node(0, _SUBMENU, None, _children(old.root, tuple(menu), numbers))
    return Tree(root, old.revision + (root.layout != old.root.layout), numbers.last)


def changes(old: Tree, new: Tree) -> Changes:
    """The changes from `old` to `new`."""
    if old.revision != new.revision:
        return Changes(is_new_layout=True)
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
    """Assigns increasing numbers."""

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
    """The nodes of `items`, in order."""
    nodes = []
    for item, old in zip(items, _matched(parent.children, items), strict=True):
        number = old.id if old is not None else numbers.next()
        below = _children(old or Node(number, {}), tuple(item.submenu), numbers) if item.submenu else ()
        nodes.append(Node(number, _properties(item), item, below))
    return tuple(nodes)


def _matched(olds: tuple[Node, ...], items: tuple[MenuItem, ...]) -> list[Node | None]:
    """For each item the old node to take the number from: by action and text, else by action, else by text."""
    matches: list[Node | None] = [None] * len(items)
    unmatched = {old.id: old for old in olds}
    for trait in _TRAITS:
        candidates_by_trait: defaultdict[Hashable, deque[Node]] = defaultdict(deque)
        for old in unmatched.values():
            assert old.item is not None, "only the root has no item"
            candidates_by_trait[trait(old.item)].append(old)
        for place, item in enumerate(items):
            if matches[place] is None and (candidates := candidates_by_trait.get(trait(item))):
                old = candidates.popleft()
                matches[place] = old
                del unmatched[old.id]
    return matches


def _kind(item: MenuItem) -> str:
    return "separator" if item is Menu.SEPARATOR else "submenu" if item.submenu is not None else "line"


def _action(item: MenuItem) -> Hashable:
    """The action of a click; None for submenus."""
    # pystray has no public access. Actions that are values compare by value.
    action = item._action  # noqa: SLF001
    return action if item.submenu is None and isinstance(action, Hashable) else None


_TRAITS: tuple[Callable[[MenuItem], Hashable], ...] = (
    lambda item: (_kind(item), _action(item), item.text),
    lambda item: (_kind(item), _action(item)),
    lambda item: (_kind(item), item.text),
)


def _properties(item: MenuItem) -> Properties:
    """The dbusmenu properties. Defaults are included, since panels differ in how they treat absent ones."""
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
