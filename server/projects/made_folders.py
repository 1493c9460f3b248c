"""Makes folders inside the one that the user named for projects, and deletes those again.

On Linux and macOS each step is taken from the open folder before, so that a symbolic link put in its place meanwhile is
never followed. A folder is deleted only if it is still the one that was made.
"""

import os
import secrets
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

from server.errors import FolderRefused
from server.projects.folders import (
    FolderRules,
    check_allowed,
    check_root,
    checked_folder,
    identity_of,
    is_folder,
    is_within,
    written_path,
)
from server.projects.project import Project

_IS_SAFE = os.open in os.supports_dir_fd and os.mkdir in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_MODE = 0o700


def folder_in_root(given: str, rules: FolderRules) -> tuple[Path, str]:
    """The real path of the folder `given` in the root, and its identity if it was made now, else "".

    A path that is not absolute counts from the root. Raises `FolderRefused`.
    """
    if rules.root is None:
        raise FolderRefused(
            f"The folder {given[:1000]!r} cannot be made: no folder for projects is named.",
            hint="Set projects_root in the settings to the folder in which Drawbridge may make others.",
            param="folder",
        )
    root = check_root(rules.root, rules)
    path = written_path(os.path.realpath(root / written_path(given)))
    if not is_within(path, root) or path == root:
        raise FolderRefused(
            f"The folder {given[:1000]!r} is not inside {str(root)!r}.",
            hint="The setting projects_root names that folder.",
            param="folder",
        )
    check_allowed(path, rules)
    identity = "" if is_folder(path) else _make(root, path)
    return checked_folder(path, rules, inside_root=True), identity


def delete_folder(project: Project, rules: FolderRules) -> bool:
    """Deletes the project's folder with all in it, if Drawbridge made it. Returns False if it is gone already.

    Raises `FolderRefused` if Drawbridge did not make it, or if another one is in its place now.
    """
    folder = project.folder
    if not project.is_ours or not project.identity:
        raise FolderRefused(
            f"The folder {str(folder)!r} was not made by Drawbridge, so it is not deleted.",
            hint="Delete it yourself if you do not need it.",
            param="delete_folder",
        )
    if not os.path.lexists(folder):
        return False
    check_allowed(folder, rules)
    if _text(identity_of(folder)) != project.identity or Path(os.path.realpath(folder)) != folder:
        raise _replaced(folder)
    try:
        if _IS_SAFE:
            _delete_from_parent(folder, project.identity)
        else:
            shutil.rmtree(folder)
    except OSError as error:
        raise FolderRefused(
            f"The folder {str(folder)!r} cannot be deleted: {error.strerror or error}.", param="delete_folder"
        ) from error
    return True


def unmake_folder(project: Project) -> None:
    """Deletes the project's folder again if Drawbridge has just made it, and nothing is in it."""
    if project.is_ours:
        with suppress(OSError):
            project.folder.rmdir()


def _make(root: Path, path: Path) -> str:
    """Makes the folders of `path` that are missing below `root`, and returns the last one's identity."""
    names = path.relative_to(root).parts
    try:
        if not _IS_SAFE:
            path.mkdir(mode=_MODE, parents=True)
            return _text(identity_of(path))
        with ExitStack() as stack:
            here = _opened(str(root), None, stack)
            is_new = False
            for name in names:
                is_new = False
                with suppress(FileExistsError):
                    os.mkdir(name, _MODE, dir_fd=here)
                    is_new = True
                here = _opened(name, here, stack)
            found = os.fstat(here)
            return _text((found.st_dev, found.st_ino)) if is_new else ""
    except OSError as error:
        raise FolderRefused(
            f"The folder {str(path)!r} cannot be made: {error.strerror or error}.", param="folder"
        ) from error


def _delete_from_parent(folder: Path, identity: str) -> None:
    """Moves the folder out of reach under a new name, looks at it again, and deletes it."""
    with ExitStack() as stack:
        parent = _opened(str(folder.parent), None, stack)
        doomed = f".{folder.name[:100]}.deleted-{secrets.token_hex(6)}"
        os.rename(folder.name, doomed, src_dir_fd=parent, dst_dir_fd=parent)
        found = os.lstat(doomed, dir_fd=parent)
        if _text((found.st_dev, found.st_ino)) != identity:
            os.rename(doomed, folder.name, src_dir_fd=parent, dst_dir_fd=parent)
            raise _replaced(folder)
        shutil.rmtree(doomed, dir_fd=parent)


def _opened(name: str, parent: int | None, stack: ExitStack) -> int:
    """A descriptor of the folder, which must not be a symbolic link. `stack` closes it. Raises `OSError`."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(name, flags, dir_fd=parent)
    stack.callback(os.close, descriptor)
    return descriptor


def _text(identity: tuple[int, int] | None) -> str:
    return "" if identity is None else f"{identity[0]}:{identity[1]}"


def _replaced(folder: Path) -> FolderRefused:
    return FolderRefused(
        f"The folder {str(folder)!r} is not the one that Drawbridge made, so it is not deleted.",
        hint="Delete it yourself if you do not need it.",
        param="delete_folder",
    )
