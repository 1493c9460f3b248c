"""Finds Git Bash, which Claude Code needs on Windows."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath

VARIABLE = "CLAUDE_CODE_GIT_BASH_PATH"
DOWNLOAD = "https://git-scm.com/downloads/win"
# Install locations, relative to the folder that the variable names.
_LOCATIONS = (
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
    """The bash.exe that Claude Code would use: the one named in its variable, else Git's own; None if not found."""
    if named := environment.get(VARIABLE):
        return named if exists(named) else None
    if git := which("git"):
        # Git\cmd\git.exe and Git\bin\bash.exe share a parent folder.
        beside = str(PureWindowsPath(git).parent.parent / "bin" / "bash.exe")
        if exists(beside):
            return beside
    folders = {name.upper(): value for name, value in environment.items()}
    for variable, path in _LOCATIONS:
        base = folders.get(variable.upper())
        if base and exists(location := str(PureWindowsPath(base) / path)):
            return location
    return None
