"""pystray still has the private members that we rely on. Its source is parsed, so this runs on every system."""

import ast
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

PINNED = "0.19.5"
TRAY = Path(__file__).parents[3] / "tray"


def theirs(name: str) -> ast.Module:
    spec = importlib.util.find_spec("pystray")
    assert spec is not None
    assert spec.origin is not None
    return ast.parse((Path(spec.origin).parent / name).read_text(encoding="utf-8"))


def find_class(tree: ast.AST, name: str) -> ast.ClassDef:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name)


def methods(one: ast.ClassDef) -> dict[str, list[str]]:
    """The methods with the names of their parameters."""
    return {node.name: [arg.arg for arg in node.args.args] for node in one.body if isinstance(node, ast.FunctionDef)}


def attributes(one: ast.ClassDef) -> set[str]:
    """The attributes of `self`."""
    return {
        node.attr
        for node in ast.walk(one)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def declared(module: str, name: str) -> Iterator[tuple[str, list[str] | None]]:
    """Our declaration of a pystray class: methods with their parameters, attributes with None."""
    for node in find_class(ast.parse((TRAY / module).read_text(encoding="utf-8")), name).body:
        if isinstance(node, ast.FunctionDef):
            is_property = any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list)
            yield node.name, None if is_property else [arg.arg for arg in node.args.args]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, None


SEAMS = [
    ("icon/pystray_types.py", "BaseIcon", "_base.py", "Icon"),
    ("icon/pystray_types.py", "Menu", "_base.py", "Menu"),
    ("icon/pystray_types.py", "MenuItem", "_base.py", "MenuItem"),
    ("icon/windows.py", "_Win32Icon", "_win32.py", "Icon"),
    ("icon/macos.py", "_DarwinIcon", "_darwin.py", "Icon"),
]


def test_the_pystray_version_is_the_reviewed_one() -> None:
    """Before changing it, review the new version's source."""
    assert importlib.metadata.version("pystray") == PINNED


@pytest.mark.parametrize(("module", "ours", "file", "name"), SEAMS)
def test_declared_members_exist_in_pystray(module: str, ours: str, file: str, name: str) -> None:
    one = find_class(theirs(file), name)
    theirs_now = methods(one)
    constants = {ast.unparse(node.targets[0]) for node in one.body if isinstance(node, ast.Assign)}
    known = theirs_now.keys() | attributes(one) | constants
    for member, parameters in declared(module, ours):
        assert member in known, f"pystray's {name} in {file} has no {member} any more"
        if parameters is not None and member in theirs_now and not _takes_anything(one, member):
            assert parameters == theirs_now[member][: len(parameters)], f"{member} takes {theirs_now[member]}"


def _takes_anything(one: ast.ClassDef, member: str) -> bool:
    node = next(node for node in one.body if isinstance(node, ast.FunctionDef) and node.name == member)
    return node.args.vararg is not None


@pytest.mark.parametrize(
    ("module", "file", "overridden"),
    [
        (
            "icon/linux.py",
            "_base.py",
            {"_run", "_stop", "_show", "_hide", "_update_icon", "_update_title", "_update_menu"},
        ),
        (
            "icon/windows.py",
            "_win32.py",
            {
                *("_update_menu", "_on_notify", "_create_menu_item", "_message", "_notify", "_assert_icon_handle"),
                "_on_display_change",
            },
        ),
        ("icon/macos.py", "_darwin.py", {"_update_menu", "_run", "_assert_image"}),
    ],
)
def test_overridden_methods_are_still_called(module: str, file: str, overridden: set[str]) -> None:
    ours = methods(find_class(ast.parse((TRAY / module).read_text(encoding="utf-8")), "Icon"))
    assert overridden <= methods(find_class(theirs(file), "Icon")).keys()
    assert overridden <= ours.keys()
    called = {
        node.func.attr
        for file_ in ("_base.py", file)
        for node in ast.walk(theirs(file_))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    handlers = {node.attr for node in ast.walk(theirs(file)) if isinstance(node, ast.Attribute)}
    assert overridden <= called | handlers


def test_the_windows_functions_that_we_use_exist() -> None:
    tree = theirs("_util/win32.py")
    known = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    known |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    used = {
        node.attr
        for node in ast.walk(ast.parse((TRAY / "icon/windows.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "win32"
    }
    assert used
    assert used <= known


def test_our_length_limits_are_those_of_windows() -> None:
    text = ast.unparse(find_class(theirs("_util/win32.py"), "NOTIFYICONDATAW"))
    for name, length in (("szTip", 128), ("szInfo", 256), ("szInfoTitle", 64)):
        assert f"('{name}', wintypes.WCHAR * {length})" in text
    ours = (TRAY / "icon/windows.py").read_text(encoding="utf-8")
    assert "MAX_TIP, MAX_TEXT, MAX_TITLE = 127, 255, 63" in ours


def test_pystray_leaves_callable_values_unwrapped() -> None:
    """Pystray wraps functions by their number of parameters, but no other callables."""
    from tray.icon.pystray_types import MenuItem
    from tray.icon.view import Click

    click = Click(print, None)
    assert MenuItem("x", click)._action == click
