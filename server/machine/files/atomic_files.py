"""Replaces small files atomically: a reader sees the old or the new content, also after a power cut."""

import os
import secrets
import stat
from pathlib import Path

PRIVATE = 0o600


def replace_file(path: Path, content: bytes, *, mode: int | None = PRIVATE) -> None:
    """Replaces the content of `path` in one step, creating its folder. A symbolic link stays a link.

    `mode` None keeps that of the file before; a new file is private. Raises OSError; then the old file stays.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if mode is None:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else PRIVATE
    new = target.with_name(f"{target.name}.{secrets.token_hex(4)}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
