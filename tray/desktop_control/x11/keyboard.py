"""The keyboard on X11: keys by XTest, and any character by a free keycode that is borrowed for it."""

import time
from collections.abc import Iterator

from Xlib import XK, X
from Xlib.display import Display

from server.desktop_tools.actions import ToolError
from tray.desktop_control.devices import Pause
from tray.desktop_control.key_names import canonical

_FIRST_CODE = 8
# Between two keys.
_KEY_S = 0.005
# Until other programs have read a changed keyboard, and the keys that they got before it changes again.
_SETTLE_S = 0.1
_CONTROLS = {"\n": XK.XK_Return, "\t": XK.XK_Tab}
# A keysym of Unicode, as the X protocol has it.
_UNICODE = 0x01000000

XK.load_keysym_group("xf86")
XK.load_keysym_group("xkb")


class Keyboard:
    """Presses keys. `release_all` has to follow each use."""

    def __init__(self, display: Display) -> None:
        self._display = display
        # Keysyms that the current layout has, to their keycode and whether it needs Shift.
        self._keys: dict[int, tuple[int, bool]] = {}
        self._free: list[int] = []
        self._borrowed: dict[int, int] = {}
        self._changed: set[int] = set()
        self._pressed: list[int] = []
        self._had_caps_lock = False

    def type_text(self, text: str, pause: Pause) -> None:
        """Types the text. Raises `ToolError` if a character has no key and there is no keycode to borrow."""
        self._read()
        parts = list(self._parts([_CONTROLS.get(letter) or _keysym_of(letter) for letter in text]))
        self._leave_caps_lock()
        for part in parts:
            if self._borrow(part) and pause(_SETTLE_S):
                return
            for keysym in part:
                if pause(_KEY_S):
                    return
                self._press(keysym)
                self._release()

    def press_keys(self, keys: tuple[str, ...], pause: Pause) -> None:
        """Presses the keys together. Raises `ToolError` for a name that no key has."""
        keysyms = [_named(name) for name in canonical(keys)]
        self._read()
        (part,) = self._parts(keysyms)
        if self._borrow(part) and pause(_SETTLE_S):
            return
        for keysym in part:
            self._press(keysym)
            if pause(_KEY_S):
                return
        self._release()

    def release_all(self) -> None:
        """Releases what is pressed, and gives borrowed keycodes back."""
        self._release()
        if self._changed:
            # The programs that got the last keys have not all looked them up.
            time.sleep(_SETTLE_S)
            while self._changed:
                self._display.change_keyboard_mapping(min(self._changed), [(X.NoSymbol, X.NoSymbol)])
                self._changed.remove(min(self._changed))
            self._borrowed = {}
        if self._had_caps_lock:
            self._had_caps_lock = False
            self._tap_caps_lock()
        self._display.sync()

    def _read(self) -> None:
        """Reads the layout. Its first two columns are the keys of the first group, without and with Shift."""
        count = self._display.display.info.max_keycode - _FIRST_CODE + 1
        rows = dict(enumerate(self._display.get_keyboard_mapping(_FIRST_CODE, count), _FIRST_CODE))
        is_other_group = bool(self._display.screen().root.query_pointer().mask >> 13 & 3)
        self._free = [code for code, row in rows.items() if not any(row)]
        self._keys = {}
        for level in (0, 1):
            for code, row in rows.items():
                if len(row) > level and not (is_other_group and _is_character(row[level])):
                    self._keys.setdefault(row[level], (code, bool(level)))

    def _leave_caps_lock(self) -> None:
        if self._display.screen().root.query_pointer().mask & X.LockMask:
            self._had_caps_lock = True
            self._tap_caps_lock()

    def _tap_caps_lock(self) -> None:
        if found := self._keys.get(XK.XK_Caps_Lock):
            self._fake(X.KeyPress, found[0])
            self._fake(X.KeyRelease, found[0])
            self._display.sync()

    def _parts(self, keysyms: list[int]) -> Iterator[list[int]]:
        """Parts that need no more keycodes than there are free."""
        part: list[int] = []
        missing: set[int] = set()
        for keysym in keysyms:
            if keysym not in self._keys and keysym not in missing:
                if not self._free:
                    raise ToolError("The keyboard has no free key to borrow for some of the characters.")
                if len(missing) == len(self._free):
                    yield part
                    part, missing = [], set()
                missing.add(keysym)
            part.append(keysym)
        yield part

    def _borrow(self, part: list[int]) -> bool:
        """Gives a free keycode to each keysym that no key has; returns whether the keyboard changed."""
        missing = [keysym for keysym in dict.fromkeys(part) if keysym not in self._keys]
        if not missing:
            return False
        if self._changed:
            # The programs that got the keys of the part before have not all looked them up.
            time.sleep(_SETTLE_S)
        self._borrowed = dict(zip(missing, self._free, strict=False))
        for keysym, code in self._borrowed.items():
            self._changed.add(code)
            self._display.change_keyboard_mapping(code, [(keysym, keysym)])
        self._display.sync()
        return True

    def _press(self, keysym: int) -> None:
        code, needs_shift = self._keys.get(keysym) or (self._borrowed[keysym], False)
        shift = self._keys.get(XK.XK_Shift_L) if needs_shift else None
        for pressed in (shift[0], code) if shift else (code,):
            self._pressed.append(pressed)
            self._fake(X.KeyPress, pressed)
        self._display.sync()

    def _release(self) -> None:
        while self._pressed:
            self._fake(X.KeyRelease, self._pressed[-1])
            self._pressed.pop()
        self._display.sync()

    def _fake(self, kind: int, code: int) -> None:
        self._display.xtest_fake_input(kind, code)


def _keysym_of(letter: str) -> int:
    code = ord(letter)
    return code if code <= 0x7E or 0xA0 <= code <= 0xFF else _UNICODE + code


def _is_character(keysym: int) -> bool:
    return keysym <= 0xFF or keysym >= _UNICODE


def _named(name: str) -> int:
    if len(name) == 1:
        return _keysym_of(name)
    # The library writes XF86_AudioMute.
    keysym = int(XK.string_to_keysym(name) or XK.string_to_keysym(name.replace("XF86", "XF86_", 1)))
    if not keysym:
        raise ToolError(f"There is no key {name!r}. Use names of X keysyms, as Return, Page_Down, F5, ctrl or a.")
    return keysym
