"""Pointer and keys by pynput, on Windows and macOS."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from server.desktop_tools.actions import Direction, Point, ToolError
from tray.desktop_control.devices import Button, Pause
from tray.desktop_control.key_names import canonical

_KEY_S = 0.01
# pynput's names for keysyms; those of F1 to F20 differ by their case only.
_NAMES = {
    "Control_L": "ctrl", "Control_R": "ctrl_r", "Alt_L": "alt", "Alt_R": "alt_r", "ISO_Level3_Shift": "alt_gr",
    "Shift_L": "shift", "Shift_R": "shift_r", "Super_L": "cmd", "Super_R": "cmd_r", "Return": "enter",
    "KP_Enter": "enter", "Escape": "esc", "Tab": "tab", "BackSpace": "backspace", "Delete": "delete",
    "Insert": "insert", "Home": "home", "End": "end", "Prior": "page_up", "Next": "page_down", "Up": "up",
    "Down": "down", "Left": "left", "Right": "right", "space": "space", "Caps_Lock": "caps_lock",
    "Num_Lock": "num_lock", "Scroll_Lock": "scroll_lock", "Print": "print_screen", "Pause": "pause", "Menu": "menu",
    **{f"F{number}": f"f{number}" for number in range(1, 25)},
}  # fmt: skip
_WAY: dict[Direction, tuple[int, int]] = {"up": (0, 1), "down": (0, -1), "left": (-1, 0), "right": (1, 0)}


class Pointer:
    """The mouse. `scroll` is how far pynput turns the wheel for one click."""

    def __init__(self, mouse: Any, buttons: Any, *, scroll: int = 1) -> None:
        self._mouse, self._buttons, self._scroll = mouse, buttons, scroll
        self._pressed: set[Button] = set()
        # Open while the clicks of a double click are counted.
        self._clicks = ExitStack()

    def move(self, to: Point) -> None:
        """Moves the pointer, in the system's coordinates."""
        self._mouse.position = (to.x, to.y)

    def press(self, button: Button, nth: int) -> None:
        """Presses a button."""
        if nth == 1:
            self._clicks.close()
            self._clicks.enter_context(self._mouse)
        self._pressed.add(button)
        self._mouse.press(getattr(self._buttons, button))

    def release(self, button: Button) -> None:
        """Releases a button."""
        self._mouse.release(getattr(self._buttons, button))
        self._pressed.discard(button)

    def turn_wheel(self, direction: Direction) -> None:
        """Turns the wheel by one click."""
        across, up = _WAY[direction]
        self._mouse.scroll(across * self._scroll, up * self._scroll)

    def release_all(self) -> None:
        """Releases all buttons that this object pressed."""
        while self._pressed:
            self.release(min(self._pressed))
        self._clicks.close()


class Keys:
    """The keyboard. `split` gives a character's key and whether it needs Shift, for keys that are pressed together."""

    def __init__(self, keyboard: Any, names: Any, split: Callable[[str], tuple[Any, bool]]) -> None:
        self._keyboard, self._names, self._split = keyboard, names, split
        self._pressed: list[Any] = []

    def press_keys(self, keys: tuple[str, ...], pause: Pause) -> None:
        """Presses keys together and releases them. Raises `ToolError` for a name that no key has."""
        found: list[Any] = []
        for name in canonical(keys):
            key, needs_shift = self._split(name) if len(name) == 1 else (self._named(name), False)
            if needs_shift and self._names.shift not in found:
                found.append(self._names.shift)
            found.append(key)
        for key in found:
            self._pressed.append(key)
            self._keyboard.press(key)
            if pause(_KEY_S):
                return
        self.release_all()

    def tap(self, name: str) -> None:
        """Presses and releases a key by pynput's name."""
        self._pressed.append(getattr(self._names, name))
        self._keyboard.press(self._pressed[-1])
        self.release_all()

    def release_all(self) -> None:
        """Releases all keys that this object pressed."""
        while self._pressed:
            self._keyboard.release(self._pressed[-1])
            self._pressed.pop()

    def _named(self, name: str) -> Any:
        key = getattr(self._names, _NAMES.get(name, "no key"), None)
        if key is None:
            raise ToolError(f"There is no key {name!r} on this system. Use names as Return, Page_Down, F5, ctrl or a.")
        return key


class PointerButtons:
    """The part of `Devices` that is the same wherever pynput has the pointer."""

    _pointer: Pointer

    def press(self, button: Button, nth: int = 1) -> None:
        """Presses a button."""
        self._pointer.press(button, nth)

    def release(self, button: Button, nth: int = 1) -> None:
        """Releases a button."""
        del nth
        self._pointer.release(button)

    def turn_wheel(self, direction: Direction) -> None:
        """Turns the wheel by one click."""
        self._pointer.turn_wheel(direction)
