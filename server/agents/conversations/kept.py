"""Keeps the conversations of agents on the disk, as Claude Code writes them, so that sessions continue after a restart.

Each has a folder of its own with Claude Code's files and a record of ours. Everything in it is private to the user.
"""

import hashlib
import json
import logging
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from server.agents.conversations.held import ConversationScope
from server.agents.rules.launch import Resumption
from server.machine.files.atomic_files import replace_file

logger = logging.getLogger(__name__)

_RECORD = "record.json"
# The session of a younger conversation may not be stored yet.
YOUNG_S = 600.0


@dataclass(frozen=True, slots=True)
class Record:
    """Whose conversation it is, Claude Code's id of it, and the key of the messages that it holds."""

    owner: str
    project: str
    session: str
    cli_session: str
    key: str

    @property
    def scope(self) -> ConversationScope:
        """Where the conversation belongs."""
        return ConversationScope(self.owner, self.project, self.session)


class KeptConversations:
    """The folders below `root`. Every method blocks."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def resume(self, scope: ConversationScope, key: str) -> Resumption | None:
        """The kept conversation at `scope`, if it holds the messages with this key; else None."""
        folder = self._folder(scope)
        record = _read(folder)
        if record is None or record.scope != scope or record.key != key:
            return None
        return Resumption(record.cli_session, folder / "config", is_known=True)

    def begin(self, scope: ConversationScope, key: str) -> Resumption:
        """A new conversation at `scope`; one that was there is deleted. Raises `OSError`."""
        self.forget(scope)
        folder = self._folder(scope)
        for private in (self._root, folder, folder / "config"):
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = Record(scope.owner, scope.project, scope.session, str(uuid.uuid4()), key)
        _write(folder, record)
        return Resumption(record.cli_session, folder / "config")

    def note(self, scope: ConversationScope, key: str | None) -> bool:
        """Notes that the conversation holds the messages with this key now; None: that is not known.

        False if the conversation was deleted meanwhile.
        """
        folder = self._folder(scope)
        record = _read(folder)
        if record is None:
            return False
        if key is not None:
            with suppress(OSError):
                _write(folder, replace(record, key=key))
        return True

    def forget(self, scope: ConversationScope) -> None:
        """Deletes the conversation at `scope`. Never raises."""
        _delete(self._folder(scope))

    def forget_session(self, owner: str, session: str) -> None:
        """Deletes the conversations of a session, in whichever projects. Never raises."""
        for folder, record in self._all():
            if record is not None and (record.owner, record.session) == (owner, session):
                _delete(folder)

    def forget_all(self) -> None:
        """Deletes all. Never raises."""
        if self._root.exists():
            _delete(self._root)

    def old(self) -> list[ConversationScope]:
        """The scopes of the conversations whose last answer began or ended over ten minutes ago.

        Folders without a record, which a disturbed deletion leaves, are deleted on the way.
        """
        before = time.time() - YOUNG_S
        found = []
        for folder, record in self._all():
            with suppress(OSError):
                if record is None and folder.stat().st_mtime < before:
                    _delete(folder)
                elif record is not None and (folder / _RECORD).stat().st_mtime < before:
                    found.append(record.scope)
        return found

    def _all(self) -> Iterator[tuple[Path, Record | None]]:
        with suppress(OSError):
            for folder in list(self._root.iterdir()):
                yield folder, _read(folder)

    def _folder(self, scope: ConversationScope) -> Path:
        name = hashlib.blake2b(json.dumps(asdict(scope)).encode(), digest_size=16).hexdigest()
        return self._root / name


def _read(folder: Path) -> Record | None:
    try:
        return Record(**json.loads((folder / _RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write(folder: Path, record: Record) -> None:
    replace_file(folder / _RECORD, json.dumps(asdict(record)).encode())


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.warning("the kept conversation of an agent cannot be deleted: %s", folder.name)
