"""A secret of this installation, kept in a private file."""

import logging
import secrets
from pathlib import Path

from server.machine.files.atomic_files import replace_file

logger = logging.getLogger(__name__)

_SIZE = 32


def stable_secret(file: Path) -> bytes:
    """Returns the secret in `file`, which is created if needed; one for this process only if that fails."""
    try:
        secret = file.read_bytes()
    except FileNotFoundError:
        secret = b""
    except OSError as error:
        logger.warning("%s cannot be read: %s", file.name, error.strerror)
        return secrets.token_bytes(_SIZE)
    if len(secret) == _SIZE:
        return secret
    secret = secrets.token_bytes(_SIZE)
    try:
        replace_file(file, secret)
    except OSError as error:
        logger.warning("%s cannot be written: %s", file.name, error.strerror)
    return secret
