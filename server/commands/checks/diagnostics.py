"""The output of `drawbridge doctor` without private data, to be pasted into a bug report."""

import getpass
import re
from collections.abc import Mapping
from pathlib import Path

from server.commands.checks.doctor import find_all
from server.commands.checks.findings import CheckTray
from server.commands.output import table

_EMAIL = re.compile(r"[^\s@:<>(]+@[\w-]+(?:\.[\w-]+)+")
_KEY = re.compile(r"\b(sk-|db-)[A-Za-z0-9_-]{8,}")


def diagnostics(flags: Mapping[str, object], *, tray: CheckTray | None = None) -> str:
    """Returns doctor's table, redacted, for the desktop's settings. Takes a few seconds."""
    found = list(find_all(flags, unprefixed=False, tray=tray))
    text = table((f"{finding.level.value:<8}{finding.name}", finding.text) for finding in found)
    return f"{redacted(text)}\n"


def redacted(text: str, *, home: Path | None = None, user: str | None = None) -> str:
    """Removes e-mail addresses, keys, the home folder and the user's name from `text`."""
    home, user = home or Path.home(), user or _user()
    text = _KEY.sub(r"\1[redacted]", _EMAIL.sub("[redacted]", text))
    if len(home.parts) > 1:
        text = text.replace(str(home), "~")
    # Only in paths: a short name may be part of any word.
    return re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\]|$)", "[user]", text, flags=re.MULTILINE) if user else text


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
