"""Git Bash, which Claude Code asks for on Windows: whether it is there, and where."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath

VARIABLE = "CLAUDE_CODE_GIT_BASH_PATH"
DOWNLOAD = "https://git-scm.com/downloads/win"
# Beneath what these variables name, installers put Git.
_PLACES = (
    ("ProgramFiles", r"Git\bin\bash.exe"),
    ("ProgramFiles(x86)", r"Git\bin\bash.exe"),
    ("ProgramW6432", r"Git\bin\bash.exe"),
    ("LOCALAPPDATA", r"Programs\Git\bin\bash.exe"),
    ("USERPROFILE", r"scoop\apps\git\current\bin\bash.exe"),
)


def find_git_bash(
    environment: Mapping[str, str],
    *,
    exists: Callable[[str], bool] = lambda path: Path(path).is_file(),
    which: Callable[[str], str | None] = shutil.which,
) -> str | None:
    """The bash.exe that Claude Code would use: the one that its variable names, else Git's own; None without one."""
    if named := environment.get(VARIABLE):
        return named if exists(named) else None
    if git := which("git"):
        # Git\cmd\git.exe and Git\bin\bash.exe lie in one folder.
        beside = str(PureWindowsPath(git).parent.parent / "bin" / "bash.exe")
        if exists(beside):
            return beside
    folders = {name.upper(): value for name, value in environment.items()}
    for variable, path in _PLACES:
        base = folders.get(variable.upper())
        if base and exists(place := str(PureWindowsPath(base) / path)):
            return place
    return None
