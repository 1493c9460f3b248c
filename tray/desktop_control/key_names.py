"""Names of keys as Claude writes them. Those of X keysyms are the common ones; many others are in use."""

# In lower case, to the name of the X keysym.
_ALIASES = {
    "alt": "Alt_L", "option": "Alt_L", "altgr": "ISO_Level3_Shift", "alt_gr": "ISO_Level3_Shift",
    "ctrl": "Control_L", "control": "Control_L", "shift": "Shift_L",
    "super": "Super_L", "cmd": "Super_L", "command": "Super_L", "win": "Super_L", "windows": "Super_L",
    "meta": "Super_L",
    "enter": "Return", "esc": "Escape", "del": "Delete", "ins": "Insert", "back_space": "BackSpace",
    "page_up": "Prior", "pageup": "Prior", "pgup": "Prior", "page_down": "Next", "pagedown": "Next", "pgdn": "Next",
    "pgdown": "Next", "arrowup": "Up", "arrowdown": "Down", "arrowleft": "Left", "arrowright": "Right",
    "spacebar": "space", "capslock": "Caps_Lock", "numlock": "Num_Lock", "scrolllock": "Scroll_Lock",
    "printscreen": "Print", "prtsc": "Print", "contextmenu": "Menu", "apps": "Menu",
}  # fmt: skip
# Keysyms of characters, by the character.
_CHARACTERS = {
    "plus": "+", "minus": "-", "equal": "=", "comma": ",", "period": ".", "slash": "/", "backslash": "\\",
    "semicolon": ";", "colon": ":", "apostrophe": "'", "quotedbl": '"', "grave": "`", "bracketleft": "[",
    "bracketright": "]", "underscore": "_", "less": "<", "greater": ">", "question": "?", "exclam": "!", "at": "@",
    "numbersign": "#", "dollar": "$", "percent": "%", "asciicircum": "^", "ampersand": "&", "asterisk": "*",
    "parenleft": "(", "parenright": ")", "bar": "|", "asciitilde": "~",
}  # fmt: skip
# Keysyms that are usual in other spellings.
_PLAIN = (
    "Return", "Escape", "Tab", "BackSpace", "Delete", "Insert", "Home", "End", "Prior", "Next", "Up", "Down", "Left",
    "Right", "space", "Caps_Lock", "Num_Lock", "Scroll_Lock", "Print", "Pause", "Menu", "Control_L", "Control_R",
    "Alt_L", "Alt_R", "Shift_L", "Shift_R", "Super_L", "Super_R", "KP_Enter",
    *(f"F{number}" for number in range(1, 25)),
)  # fmt: skip
_NAMES = {**{name.lower(): name for name in _PLAIN}, **_ALIASES, **_CHARACTERS}


def canonical(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the keysyms; a character is its own name.

    A letter that is pressed with other keys is the key, so that `ctrl+S` is `ctrl+s`.
    """
    return tuple(
        key.lower() if len(keys) > 1 and len(key) == 1 and key.isascii() else _NAMES.get(key.lower(), key)
        for key in keys
    )
