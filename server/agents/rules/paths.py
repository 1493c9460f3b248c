"""Whether a call of a file tool stays in the project's folder, by real paths. Claude Code's own checks come after."""

import os
from collections.abc import Mapping
from pathlib import Path

# The fields with a path, by tool. A missing one means the folder itself.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Read": ("file_path",),
    "Write": ("file_path",),
    "Edit": ("file_path",),
    "Glob": ("path", "pattern"),
    "Grep": ("path",),
}
_WILDCARDS = "*?[{"


def place_outside(tool: str, given: Mapping[str, object], folder: Path) -> str | None:
    """The path in the call that is not below `folder` or cannot be judged; None if all are. Reads links, so it blocks.

    A pattern counts up to its first wildcard.
    """
    for field in _FIELDS.get(tool, ()):
        value = given.get(field)
        if value in (None, ""):
            continue
        if not isinstance(value, str):
            return repr(value)
        if not _is_inside(_literal(value) if field == "pattern" else value, folder):
            return value
        if field == "pattern" and ".." in value.replace("\\", "/").split("/"):
            return value
    return None


def _literal(pattern: str) -> str:
    """The folders of a pattern before its first wildcard."""
    first = min((at for sign in _WILDCARDS if (at := pattern.find(sign)) >= 0), default=len(pattern))
    return (
        pattern if first == len(pattern) else pattern[:first].rpartition("/")[0] or ("/" if pattern[0] == "/" else "")
    )


def _is_inside(path: str, folder: Path) -> bool:
    # Paths of other computers would be looked up on the network.
    if "\0" in path or path.startswith(("//", "\\\\")):
        return False
    try:
        whole = os.path.join(folder, os.path.expanduser(path))  # noqa: PTH111, PTH118 # realpath does not need to exist
        return Path(os.path.realpath(whole)).is_relative_to(os.path.realpath(folder))
    except (OSError, ValueError):
        return False
