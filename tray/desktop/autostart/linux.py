"""Start at login on Linux: a desktop file in the user's autostart folder."""

import re
from collections.abc import Sequence
from pathlib import Path

from server.machine.files.atomic_files import replace_file
from tray.desktop.autostart.entry import IN_THE_FILE, NAME, AutostartRefused, refresh_entry, refuse_os_errors

ENTRY = "drawbridge.desktop"


class XdgAutostart:
    """The desktop file, written so that gio and dex accept it too."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command = tuple(command)
        self.file = folder / ENTRY

    def state(self) -> bool | None:
        """Off without an entry, or if the desktop's settings have disabled it in the entry."""
        try:
            entry = _entry(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return None
        is_hidden = entry.get("Hidden") == "true" or entry.get("X-GNOME-Autostart-enabled") == "false"
        return bool(entry.get("Exec")) and not is_hidden

    def set(self, on: bool) -> None:  # noqa: FBT001 # a switch's setter
        """Writes the entry, or removes it."""
        with refuse_os_errors(str(self.file)):
            if on:
                replace_file(self.file, desktop_entry(self._command).encode(), mode=0o644)
            else:
                self.file.unlink(missing_ok=True)

    def refresh(self) -> bool:
        """Rewrites the command, and keeps the user's own additions."""
        return refresh_entry(self, self._old, self._command, self._write_command)

    def _old(self) -> list[str]:
        return exec_arguments(_entry(self.file.read_text(encoding="utf-8")).get("Exec", ""))

    def _write_command(self) -> None:
        (line,) = (row for row in desktop_entry(self._command).splitlines() if row.startswith("Exec="))
        text = self.file.read_text(encoding="utf-8")
        head, group, rest = text.partition("[Desktop Entry]")
        changed = re.sub(r"^Exec[ \t]*=.*$", lambda _: line, rest, count=1, flags=re.MULTILINE)
        replace_file(self.file, f"{head}{group}{changed}".encode(), mode=0o644)


def desktop_entry(command: Sequence[str]) -> str:
    """The entry that starts `command`. Raises `AutostartRefused` for an argument that desktops do not accept."""
    for number, argument in enumerate(command):
        # The specification allows all of these in quotes; gio and dex do not.
        if invalid := re.search(r'[$%"`\\=\n\r]', argument):
            what, hint = (
                ("argument", IN_THE_FILE) if number else ("path", "Move the program into a folder with a plain name.")
            )
            raise AutostartRefused(
                f"The {what} {argument!r} has the character {invalid[0]!r}, which desktops do not accept there.",
                hint=hint,
            )
    lines = (
        "[Desktop Entry]",
        "Type=Application",
        f"Name={NAME}",
        "Comment=Speaks OpenAI's API and answers with Claude",
        f"Exec={' '.join(_quoted(argument) for argument in command)}",
        "Icon=drawbridge",
        "Terminal=false",
        "StartupNotify=false",
        "X-GNOME-Autostart-enabled=true",
    )
    return "\n".join(lines) + "\n"


def _quoted(argument: str) -> str:
    """Quotes by the Desktop Entry Specification: double quotes around the whole argument."""
    return argument if re.fullmatch(r"[\w@%+:,./-]+", argument) else f'"{argument}"'


def exec_arguments(line: str) -> list[str]:
    """The arguments of an Exec line, without field codes such as %U. Raises ValueError if there are none."""
    # First the escapes of the string, then those inside quotes.
    text = re.sub(r"\\(.)", lambda match: {"s": " ", "n": "\n", "t": "\t", "r": "\r"}.get(match[1], match[1]), line)
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', text)
    arguments = [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in words]
    arguments = [argument.replace("%%", "%") for argument in arguments if not re.fullmatch(r"%[a-zA-Z]", argument)]
    if not arguments:
        raise ValueError("no command")
    return arguments


def _entry(text: str) -> dict[str, str]:
    """The main group of a desktop file."""
    entry: dict[str, str] = {}
    group = ""
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip()
        elif group == "[Desktop Entry]" and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            entry.setdefault(name.strip(), value.strip())
    return entry
