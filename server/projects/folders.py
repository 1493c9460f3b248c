"""Which folders may be projects. Folders are compared by what they are on the disk, not by how their paths are written.

A project's folder is a real path, so that no symbolic link can lead it elsewhere later.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from server.errors import FolderRefused
from server.machine.files.paths import Folders

_LONGEST = 1000
Identity = tuple[int, int]
"""Device and file number of a folder."""


@dataclass(frozen=True, slots=True)
class FolderRules:
    """`home`: the user's own folder. `own`: those of Drawbridge, `claude`: those of Claude Code's settings.

    `root`: where folders may be made, and where the ones that the API names must be; None: nowhere.
    """

    home: Path
    own: tuple[Path, ...]
    claude: tuple[Path, ...]
    root: Path | None = None


def rules_for(folders: Folders, root: Path | None, environment: Mapping[str, str]) -> FolderRules:
    """The rules on this computer. `environment` may name another home and another folder of Claude Code."""
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    named = environment.get("CLAUDE_CONFIG_DIR")
    claude = (home / ".claude", *((Path(named),) if named else ()))
    return FolderRules(home, (folders.config, folders.data, folders.logs), claude, root)


def checked_folder(given: str | Path, rules: FolderRules, *, inside_root: bool = False) -> Path:
    """The real path of an existing folder that may be a project. Raises `FolderRefused`.

    `inside_root`: it must be in the folder that the user named for projects.
    """
    path = written_path(given)
    if not path.is_absolute():
        raise _refused(path, "is not an absolute path", "Write it from the start, as in /home/me/shop.")
    folder = _real(path)
    if not is_folder(folder):
        what = "does not exist" if identity_of(folder) is None else "is not a folder"
        raise _refused(path, what, "Create it first, or name another one.")
    if inside_root:
        _check_in_root(folder, rules)
    check_allowed(folder, rules)
    return folder


def check_unchanged(folder: Path, rules: FolderRules) -> None:
    """Checks a project's folder again before it is used. Raises `FolderRefused`.

    It may have been moved, or replaced by a symbolic link to another place.
    """
    if not is_folder(folder):
        raise _refused(folder, "does not exist any more", "Change the project's folder, or remove the project.")
    if os.path.normcase(_real(folder)) != os.path.normcase(folder):
        raise _refused(folder, "now leads to another place", "Change the project's folder, or remove the project.")
    check_allowed(folder, rules)


def check_allowed(folder: Path, rules: FolderRules) -> None:
    """Raises `FolderRefused` if no project may have the real path `folder`."""
    if folder.parent == folder:
        raise _refused(folder, "is a whole file system", "Choose a folder for this project only.")
    if is_within(rules.home, folder):
        raise _refused(folder, "is your home folder, or contains it", "Choose a folder for this project only.")
    for names, folders in (("Drawbridge's own files", rules.own), ("Claude Code's own files", rules.claude)):
        for other in folders:
            if is_within(folder, other) or is_within(other, folder):
                raise _refused(folder, f"has {names}, or is among them", "Choose another folder.")


def check_root(root: Path, rules: FolderRules) -> Path:
    """The real path of the folder for projects. Raises `FolderRefused` if it cannot be used."""
    real = _real(root)
    if not root.is_absolute() or not is_folder(real):
        hint = "Set projects_root to the absolute path of an existing folder."
        raise _refused(root, "is the folder for projects (projects_root), and it does not exist", hint)
    check_allowed(real, rules)
    return real


def written_path(given: str | Path) -> Path:
    """The path that is written so; `~` is the user's home. Raises `FolderRefused`."""
    text = str(given).strip()
    if not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise FolderRefused(f"A folder's path must have 1 to {_LONGEST} printable characters.", param="folder")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # the folder of a user that does not exist
        raise _refused(Path(text), "does not exist", "Name an absolute path.") from error


def is_folder(path: Path) -> bool:
    """Whether there is a folder; not if that cannot be seen, as with a name that is too long."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_within(path: Path, folder: Path) -> bool:
    """Whether `path` is `folder` or in it, however both are written. Neither has to exist."""
    real, place = _real(path), _real(folder)
    if os.path.normcase(place) in {os.path.normcase(one) for one in (real, *real.parents)}:
        return True
    wanted = identity_of(place)
    return wanted is not None and wanted in _identities(real)


def identity_of(path: Path) -> Identity | None:
    """Which folder `path` itself is; None if nothing is there. A symbolic link at the end is not followed."""
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _identities(path: Path) -> Iterator[Identity]:
    for one in (path, *path.parents):
        if (identity := identity_of(one)) is not None:
            yield identity


def _check_in_root(folder: Path, rules: FolderRules) -> None:
    if rules.root is None:
        raise _refused(folder, "cannot be used: no folder for projects is named", "Set projects_root in the settings.")
    root = check_root(rules.root, rules)
    if not is_within(folder, root) or is_within(root, folder):
        raise _refused(folder, f"is not inside {str(root)!r}", "The setting projects_root names that folder.")


def _real(path: Path) -> Path:
    """`path` without symbolic links and `..`. What does not exist is kept as it is written."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:  # a circle of links on Windows, an unpaired surrogate
        raise _refused(path, "cannot be read", "Name another folder.") from error


def _refused(path: Path, why: str, hint: str) -> FolderRefused:
    return FolderRefused(f"The folder {str(path)[:_LONGEST]!r} {why}.", hint=hint, param="folder")
