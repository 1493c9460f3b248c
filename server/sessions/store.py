"""Keeps sessions in memory, or in a file of the data folder where the user chose that.

A file that cannot be written stops no answer: what it does not take is kept in memory, and `trouble` says why.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from server.config import Config
from server.conversation.parts import Message
from server.offload import LARGE, is_large, offload
from server.sessions import branch_tables, response_tables, tables
from server.sessions.encoding import decoded, encoded
from server.sessions.migrations import MIGRATIONS
from server.sessions.response_tables import LIMITS_IN_FILE, LIMITS_IN_MEMORY, MAX_AGE_S
from server.sessions.session import Page, Session, SessionInfo, Totals
from server.storage.database import Database, NotStored
from server.storage.schema import delete_files

T = TypeVar("T")

# Over all sessions. Beyond them, those used longest ago are dropped.
MOST_SESSIONS = 20_000
MOST_BYTES_IN_FILE = 1_000_000_000
MOST_BYTES_IN_MEMORY = 64 * 2**20
# A disk that does not respond must not keep an answer from its client.
_PATIENCE_S = 5.0
_PRUNE_EVERY_S = 60.0
_HOUR_S = 3600.0
# A page of messages ends behind so many bytes.
_PAGE_BYTES = 4_000_000


class SessionStore:
    """The sessions of all owners. `config` returns the settings in force; `file` is used while they say so.

    `on_trouble` is called in another thread when `trouble` changes.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        file: Path | None = None,
        *,
        on_trouble: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._path = file
        self._on_trouble = on_trouble
        self._clock = clock
        self._memory: Database | None = None
        self._file: Database | None = None
        # Why the last session was not written to the file.
        self._unwritten: str | None = None
        self.on_delete: Callable[[str, str], Awaitable[None]] | None = None
        """Called with the owner and the id of a session that was deleted."""

    @property
    def is_on(self) -> bool:
        """Whether sessions are kept at all."""
        return self._config().sessions != "off"

    @property
    def is_on_disk(self) -> bool:
        """Whether they are kept in the file, as far as it can be written."""
        return self._path is not None and self._config().sessions == "disk"

    @property
    def hours(self) -> float:
        """After how many hours without a request a session is deleted."""
        return self._config().session_hours

    @property
    def trouble(self) -> str | None:
        """Why sessions are only in memory, although they should be in the file."""
        return (self._file.trouble or self._unwritten) if self._file is not None else None

    def follow_settings(self) -> None:
        """Opens the file if the settings say so; else closes and deletes it."""
        if self.is_on_disk:
            if self._file is None:
                self._file = Database(self._path, MIGRATIONS, is_secret=True, on_trouble=self._on_trouble)
                self._file.open()
            return
        file, self._file = self._file, None
        if file is not None:
            file.close()
        if self._path is not None:
            delete_files(self._path)
        if not self.is_on and self._memory is not None:
            self._memory.put(tables.clear)

    async def keep_tidy(self) -> None:
        """Follows the settings and deletes expired sessions from time to time, until it is cancelled."""
        while True:
            await asyncio.to_thread(self.follow_settings)
            if self._path is not None:
                await asyncio.to_thread(delete_files, self._path, before=self._since)
            for database in self.databases:
                self.prune(database, cleans=True)
            await asyncio.sleep(_PRUNE_EVERY_S)

    def close(self) -> None:
        """Writes what waits."""
        for database in filter(None, (self._memory, self._file)):
            database.close()

    async def load(self, owner: str, id_: str) -> Session:
        """The session; a new one if there is none."""
        now, since = self._clock(), self._since
        for database in self.databases:
            row = await ask(database, lambda c: tables.load(c, owner, id_, now=now, since=since))
            if row is not None:
                # Whatever is done with it is done with all of it.
                is_large.set(is_large.get() or row.size > LARGE)
                messages = await offload(_decoded, row.contents)
                return Session(
                    *(owner, id_, row.system, messages, row.size, row.number, database), forked_from=row.forked_from
                )
        return Session(owner, id_)

    async def save(
        self, session: Session, system: str, messages: Sequence[Message], *, branch: str | None = None
    ) -> None:
        """Gives the session these messages, unless it was deleted after it was loaded.

        `branch` is the id under which its messages before are kept; None: they are replaced.
        """
        home, is_saved = session.home, None
        if isinstance(home, Database):
            kept = await offload(_equal, session.messages, messages)
            is_saved = await self._write(home, session, session.number, system, messages, kept, branch)
            if is_saved is False or (is_saved and home is self.databases[-1]):
                return
        # A new one, one that its own file does not take, or one of the memory that the file may take now.
        for database in reversed(self.databases):
            if database is home and is_saved:
                return
            if database is not home and await self._write(database, session, None, system, messages):
                if is_saved:
                    await ask(self.databases[0], lambda c: tables.delete(c, session.owner, session.id))
                elif branch is not None:
                    before = Session(session.owner, branch, forked_from=session.id, is_branch=True)
                    await self._write(database, before, None, session.system, session.messages)
                return

    async def branch_id(self, owner: str, id_: str) -> str:
        """The id that the next branch of the session gets."""
        each = [await ask(one, lambda c: branch_tables.last_number(c, owner, id_)) for one in self.databases]
        return branch_tables.branch_id(id_, max(number or 0 for number in each) + 1)

    async def page(self, owner: str, id_: str, *, after: int, limit: int) -> Page | None:
        """Some messages of the session, behind the first `after` ones; None if there is no such session."""
        since = self._since
        for database in self.databases:
            row = await ask(
                database,
                lambda c: tables.page(c, owner, id_, since=since, after=after, limit=limit, most_bytes=_PAGE_BYTES),
            )
            if row is not None:
                is_large.set(is_large.get() or sum(map(len, row.contents)) > LARGE)
                messages = await offload(_decoded, row.contents)
                following = after + len(messages)
                return Page(row.system, messages, following if messages and following < row.messages else None)
        return None

    async def delete(self, owner: str, id_: str) -> bool:
        """Deletes the session, and its branches that no request continued. Returns whether there was one."""
        each = [
            ask(one, lambda c: tables.delete(c, owner, id_, with_branches=True), cleans=True) for one in self.databases
        ]
        is_deleted = any(await asyncio.gather(*each))
        if self.on_delete is not None:
            await self.on_delete(owner, id_)
        return is_deleted

    async def fork(self, owner: str, id_: str, copy: str) -> bool:
        """Copies the session to the id `copy`. Returns False if that is taken."""
        if await self.info(owner, copy) is not None:
            return False
        original = await self.load(owner, id_)
        await self.save(Session(owner, copy, forked_from=id_), original.system, original.messages)
        return True

    async def info(self, owner: str, id_: str) -> SessionInfo | None:
        """The session without its messages; None if there is none."""
        since = self._since
        each = [await ask(database, lambda c: tables.info(c, owner, id_, since=since)) for database in self.databases]
        return next((found for found in each if found is not None), None)

    async def listed(self, owner: str, limit: int) -> list[SessionInfo]:
        """The sessions of `owner`, those used last first."""
        since = self._since
        found: dict[str, SessionInfo] = {}
        for database in self.databases:
            rows = await ask(database, lambda c: tables.listed(c, owner, since=since, limit=limit))
            found = {**{row.id: row for row in rows or ()}, **found}
        return sorted(found.values(), key=lambda row: row.used_at, reverse=True)[:limit]

    async def totals(self, owner: str) -> Totals:
        """The sums over the sessions of `owner`."""
        since = self._since
        each = [await ask(database, lambda c: tables.totals(c, owner, since=since)) for database in self.databases]
        known = [totals for totals in each if totals is not None]
        return Totals(
            sum(totals.sessions for totals in known),
            sum(totals.messages for totals in known),
            sum(totals.size for totals in known),
        )

    @property
    def databases(self) -> tuple[Database, ...]:
        """Where sessions are looked for. What the file does not take is in memory, and newer than what it has."""
        if self._memory is None:
            self._memory = Database(None, MIGRATIONS)
            self._memory.open()
        return (self._memory,) if self._file is None else (self._memory, self._file)

    @property
    def _since(self) -> float:
        return self._clock() - self.hours * _HOUR_S

    async def _write(
        self,
        database: Database,
        session: Session,
        number: str | None,
        system: str,
        messages: Sequence[Message],
        kept: int = 0,
        branch: str | None = None,
    ) -> bool | None:
        """Returns whether the session is written; False: it was deleted meanwhile, None: the database does not work."""
        contents = await offload(_encoded, messages[kept:])
        change = tables.Change(
            *(session.owner, session.id, number, system, kept, contents),
            forked_from=session.forked_from,
            is_branch=session.is_branch,
            branch=branch,
        )
        now = self._clock()
        is_saved, trouble = None, None
        try:
            is_saved = await _result(
                database, lambda c: tables.save(c, change, now), cleans=kept < len(session.messages)
            )
        except NotStored as error:
            trouble = str(error)
        self.note_written(database, trouble)
        self.prune(database)
        return is_saved

    def note_written(self, database: Database, trouble: str | None) -> None:
        """Notes why the database did not take something; None: it took it. Any thread may call it."""
        if database is self._file and trouble != self._unwritten:
            self._unwritten = trouble
            self._on_trouble()

    def prune(self, database: Database, *, cleans: bool = False) -> None:
        """Has what is expired deleted bit by bit, so that no request waits long. `cleans` as in `Database.call`."""
        is_file = database is self._file
        limits = (MOST_SESSIONS, MOST_BYTES_IN_FILE if is_file else MOST_BYTES_IN_MEMORY)
        of_responses = LIMITS_IN_FILE if is_file else LIMITS_IN_MEMORY

        def prune(connection: sqlite3.Connection) -> None:
            more = tables.prune(connection, since=self._since, most=limits[0], most_bytes=limits[1])
            more |= response_tables.prune(connection, since=self._clock() - MAX_AGE_S, limits=of_responses)
            if more:
                self.prune(database, cleans=cleans)

        database.call(prune, cleans=cleans)


async def ask(database: Database, what: Callable[[sqlite3.Connection], T], *, cleans: bool = False) -> T | None:
    """The result of `what`; None if the database does not work."""
    with suppress(NotStored):
        return await _result(database, what, cleans=cleans)
    return None


async def _result(database: Database, what: Callable[[sqlite3.Connection], T], *, cleans: bool) -> T:
    """The result of `what`. Raises `NotStored`."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(database.call(what, cleans=cleans)), _PATIENCE_S)
    except TimeoutError as error:
        raise NotStored("the disk does not respond") from error


def _decoded(contents: Sequence[str]) -> tuple[Message, ...]:
    return tuple(map(decoded, contents))


def _encoded(messages: Sequence[Message]) -> tuple[str, ...]:
    return tuple(map(encoded, messages))


def _equal(stored: Sequence[Message], messages: Sequence[Message]) -> int:
    """How many messages at the beginning are the same."""
    pairs = enumerate(zip(stored, messages, strict=False))
    return next((number for number, (old, new) in pairs if old != new), min(len(stored), len(messages)))
