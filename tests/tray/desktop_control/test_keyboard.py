"""Text and keys in real programs."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from Xlib import XK, X

from server.desktop_tools.actions import Click, Point, PressKeys, ToolError, TypeText
from tests.tray.desktop_control.xprograms import NotingWindow, Person, terminal, until
from tray.desktop_control import LocalDesktop

# More than there are free keys on a keyboard.
MANY = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 80))


@pytest.mark.parametrize(
    "text", ['Grüße 漢字 "x"', "AaZz ~^`§{}[]\\|@€ 🌉 Привет", MANY], ids=["mixed", "symbols", "many"]
)
async def test_any_text_arrives_exactly(local_desktop: LocalDesktop, display: str, tmp_path: Path, text: str) -> None:
    file = tmp_path / "typed"
    with Person(display) as person, terminal(display, file):
        before = person.keyboard()
        await local_desktop.perform(Click(Point(50, 50)))
        await local_desktop.perform(TypeText(f"{text}\n"))
        until(lambda: file.read_text("utf-8").endswith("\n"))
        assert file.read_text("utf-8") == f"{text}\n"
        assert person.keyboard() == before
        assert person.pressed() == ([], 0)


@pytest.mark.parametrize("layout", ["de", "us,ru"])
async def test_text_arrives_exactly_on_another_layout(
    local_desktop: LocalDesktop, display: str, tmp_path: Path, layout: str
) -> None:
    """The German one has dead keys; of the other two, the second is in use."""
    file, text = tmp_path / "typed", "yz ^`~ @[]| Grüße Привет"
    set_layout(display, layout)
    try:
        with Person(display) as person, terminal(display, file):
            if "," in layout:
                person.tap("Shift_L", "Shift_R")
                assert person.display.screen().root.query_pointer().mask >> 13 & 3 == 1
            await local_desktop.perform(Click(Point(50, 50)))
            await local_desktop.perform(TypeText(f"{text}\n"))
            until(lambda: file.read_text("utf-8").endswith("\n"))
            assert file.read_text("utf-8") == f"{text}\n"
    finally:
        set_layout(display, "us")


def set_layout(display: str, layout: str) -> None:
    command = ["setxkbmap", "-layout", layout, "-option", "", "-option", "grp:shifts_toggle"]
    subprocess.run(command, env={**os.environ, "DISPLAY": display}, check=True)


async def test_caps_lock_does_not_change_the_text_and_stays_on(
    local_desktop: LocalDesktop, display: str, tmp_path: Path
) -> None:
    file = tmp_path / "typed"
    with Person(display) as person, terminal(display, file):
        person.tap("Caps_Lock")
        try:
            await local_desktop.perform(Click(Point(50, 50)))
            await local_desktop.perform(TypeText("aBü\n"))
            until(lambda: file.read_text("utf-8").endswith("\n"))
            assert file.read_text("utf-8") == "aBü\n"
            assert person.display.screen().root.query_pointer().mask & X.LockMask
        finally:
            person.tap("Caps_Lock")


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (("ctrl", "s"), ["Control_L", "s"]),
        (("ctrl", "S"), ["Control_L", "s"]),
        (("Ctrl", "shift", "Page_Down"), ["Control_L", "Shift_L", "Next"]),
        (("Enter",), ["Return"]),
        (("cmd", "f5"), ["Super_L", "F5"]),
        (("plus",), ["Shift_L", "equal"]),
        (("alt", "+"), ["Alt_L", "Shift_L", "equal"]),
    ],
)
async def test_keys_are_pressed_in_order_and_released_in_reverse(
    local_desktop: LocalDesktop, display: str, keys: tuple[str, ...], names: list[str]
) -> None:
    with NotingWindow(display) as window:
        window.focus()
        await local_desktop.perform(PressKeys(keys))
        codes = [window.display.keysym_to_keycode(XK.string_to_keysym(name)) for name in names]
        expected = [("press", code) for code in codes] + [("release", code) for code in reversed(codes)]
        assert [note[:2] for note in window.notes() if note[0] != "move"] == expected


async def test_a_name_that_no_key_has_is_refused_and_nothing_is_pressed(
    local_desktop: LocalDesktop, display: str
) -> None:
    with NotingWindow(display) as window:
        window.focus()
        with pytest.raises(ToolError, match="There is no key 'hyperdrive'"):
            await local_desktop.perform(PressKeys(("ctrl", "hyperdrive")))
        assert window.notes() == []


async def test_cancelled_in_mid_typing_no_key_stays_pressed_and_no_more_come(
    local_desktop: LocalDesktop, display: str
) -> None:
    with NotingWindow(display) as window, Person(display) as person:
        window.focus()
        before = person.keyboard()
        typing = asyncio.ensure_future(local_desktop.perform(TypeText("Ü" + 5000 * "A")))
        notes: list[tuple[str, int, int, int]] = []
        while len(notes) < 20:
            await asyncio.sleep(0)
            notes += window.notes()
        typing.cancel()
        await asyncio.wait({typing})
        assert typing.cancelled()
        assert person.pressed() == ([], 0)
        assert person.keyboard() == before
        notes += window.notes()
        assert len(notes) < 5000
        # What comes next is typed as ever.
        await local_desktop.perform(TypeText("a"))
        code = window.display.keysym_to_keycode(XK.XK_a)
        assert [note[:2] for note in window.notes()] == [("press", code), ("release", code)]
