"""The menu as numbered nodes."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tray.icon.linux_menu_tree import Node, Tree, changes, next_tree
from tray.icon.pystray_types import Menu, MenuItem


@dataclass(frozen=True)
class Does:
    what: str

    def __call__(self, icon: object, item: object) -> None:
        raise AssertionError(self.what)


def line(text: str, deed: str = "", *, checked: bool | None = None, radio: bool = False) -> MenuItem:
    return MenuItem(text, Does(deed or text), checked=None if checked is None else lambda _: checked, radio=radio)


def submenu(text: str, *items: MenuItem) -> MenuItem:
    return MenuItem(text, Menu(*items))


def numbers(tree: Tree) -> dict[str, int]:
    return {node.item.text: node.id for node in tree.nodes.values() if node.item and node.item is not Menu.SEPARATOR}


def test_a_line_keeps_its_number_when_its_text_changes() -> None:
    old = next_tree(Tree(), [line("Running", "status"), line("Quit")])
    new = next_tree(old, [line("2 answers", "status"), line("Quit")])
    assert numbers(new) == {"2 answers": 1, "Quit": 2}
    (change,) = changes(old, new).new
    assert change == (1, {"label": ("s", "2 answers")})


def test_a_line_keeps_its_number_when_lines_are_inserted_before_it() -> None:
    old = next_tree(Tree(), [line("Start"), line("Quit")])
    new = next_tree(old, [line("A problem"), line("Start"), line("Quit")])
    assert numbers(new) == {"A problem": 3, "Start": 1, "Quit": 2}
    assert changes(old, new).is_new_layout


def test_numbers_are_never_reused() -> None:
    old = next_tree(Tree(), [line("Start"), line("Quit")])
    without = next_tree(old, [line("Quit")])
    again = next_tree(without, [line("Remove the key"), line("Quit")])
    assert numbers(again) == {"Remove the key": 3, "Quit": 2}


def test_a_line_with_the_same_text_and_another_action_is_the_same_line() -> None:
    old = next_tree(Tree(), [line("Require the key", "on", checked=False)])
    new = next_tree(old, [line("Require the key", "off", checked=True)])
    assert numbers(new) == numbers(old)
    assert changes(old, new).new == ((1, {"toggle-state": ("i", 1)}),)


def test_a_submenu_whose_text_changes_keeps_all_its_numbers() -> None:
    old = next_tree(Tree(), [submenu("Port", line("8082")), submenu("Model", line("sonnet"))])
    new = next_tree(old, [submenu("Port (8080)", line("8082")), submenu("Model", line("sonnet"))])
    assert list(numbers(new).values()) == list(numbers(old).values())
    assert not changes(old, new).is_new_layout


def test_a_line_that_becomes_a_submenu_is_another_line() -> None:
    old = next_tree(Tree(), [line("Sign in")])
    new = next_tree(old, [submenu("Sign in", line("Plan"))])
    assert numbers(new)["Sign in"] != numbers(old)["Sign in"]


def test_removed_properties_are_listed() -> None:
    old = next_tree(Tree(), [line("Start at login", checked=True)])
    new = next_tree(old, [line("Start at login")])
    assert changes(old, new).gone == ((1, ("toggle-type", "toggle-state")),)


def test_the_same_menu_has_no_changes() -> None:
    menu = [line("a"), Menu.SEPARATOR, submenu("b", line("c"), line("c"))]
    tree = next_tree(Tree(), menu)
    again = next_tree(tree, [line("a"), Menu.SEPARATOR, submenu("b", line("c"), line("c"))])
    assert not changes(tree, again)
    assert again.revision == tree.revision


def test_lines_with_unhashable_actions_are_matched_by_text() -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, icon: object, item: object) -> None: ...

    old = next_tree(Tree(), [MenuItem("a", Unhashable()), MenuItem("b", lambda: None)])
    new = next_tree(old, [MenuItem("b", lambda: None), MenuItem("a", Unhashable())])
    assert numbers(new) == numbers(old)


leaves = st.builds(
    lambda text, deed, checked: line(text, deed, checked=checked),
    st.sampled_from("abc"),
    st.sampled_from("xyz"),
    st.none() | st.booleans(),
)
menus = st.lists(
    st.recursive(
        leaves | st.just(Menu.SEPARATOR),
        lambda below: st.builds(lambda text, items: submenu(text, *items), st.sampled_from("abc"), st.lists(below)),
        max_leaves=8,
    ),
    max_size=6,
)


@given(st.lists(menus, max_size=6))
def test_panels_that_apply_the_changes_have_the_newest_menu(history: list[list[MenuItem]]) -> None:
    tree, seen, given_away = Tree(), Tree().nodes, set[int]()
    for menu in history:
        tree, old = next_tree(tree, menu), tree
        changed = changes(old, tree)
        assert len(_all(tree.root)) == len({node.id for node in _all(tree.root)})
        assert not (tree.nodes.keys() - old.nodes.keys()) & given_away
        given_away |= tree.nodes.keys()
        if changed.is_new_layout:
            seen = tree.nodes
        else:
            properties = {number: dict(node.properties) for number, node in seen.items()}
            for number, new in changed.new:
                properties[number].update(new)
            for number, gone in changed.gone:
                for name in gone:
                    del properties[number][name]
            assert properties == {number: node.properties for number, node in tree.nodes.items()}
            seen = tree.nodes


def _all(node: Node) -> list[Node]:
    return [node, *(below for child in node.children for below in _all(child))]
