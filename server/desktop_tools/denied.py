"""Windows that Claude does not touch: password managers, terminals, and our own page.

A window is recognised by its program and its title. Both are the program's word: the list keeps Claude from mistakes,
not from a program that hides.
"""

import re
from dataclasses import dataclass

from server.desktop_tools.actions import Action, Screenshot, Wait, Window, Zoom

PASSWORD_MANAGERS = (
    "1password", "bitwarden", "dashlane", "enpass", "gnome-keyring", "keepass", "keepassxc", "keychain access",
    "kwalletmanager", "lastpass", "nordpass", "proton pass", "seahorse",
)  # fmt: skip
TERMINALS = (
    "alacritty", "cmd", "conhost", "foot", "ghostty", "gnome-terminal", "iterm", "iterm2", "kitty", "konsole",
    "lxterminal", "mate-terminal", "mintty", "powershell", "ptyxis", "pwsh", "qterminal", "rxvt", "st", "terminal",
    "terminator", "tilix", "urxvt", "warp", "wezterm", "windowsterminal", "xfce4-terminal", "xterm", "zutty",
)  # fmt: skip
OWN_PAGE = "drawbridge"


@dataclass(frozen=True, slots=True)
class DenyList:
    """`password_managers` and `terminals` are names of programs, in lower case."""

    password_managers: tuple[str, ...] = PASSWORD_MANAGERS
    terminals: tuple[str, ...] = TERMINALS

    def reason(self, action: Action, window: Window) -> str | None:
        """The sentence to Claude if the window is not for this action, else None.

        Terminals and our own page may be seen, but not used. A password manager may not be seen either.
        """
        if isinstance(action, Wait):
            return None
        if _is_one_of(window.app, self.password_managers):
            return "A password manager is open there. Claude does not see or use password managers."
        if isinstance(action, Screenshot | Zoom):
            return None
        if _is_one_of(window.app, self.terminals):
            return "That window is a terminal. Claude does not use terminals by pointer and keyboard."
        if OWN_PAGE in window.title.lower() or _is_one_of(window.app, (OWN_PAGE,)):
            return "That window is Drawbridge's own. Claude does not change what it is allowed to do."
        return None


def _is_one_of(app: str, names: tuple[str, ...]) -> bool:
    """Whether the program has one of the names, with or without a suffix such as `.exe`, `-server` or `.desktop`."""
    words = re.split(r"[^a-z0-9]+", app.lower())
    return any(_starts_inside(words, re.split(r"[^a-z0-9]+", name)) for name in names)


def _starts_inside(words: list[str], name: list[str]) -> bool:
    return any(words[start : start + len(name)] == name for start in range(len(words)))
