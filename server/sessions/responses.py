"""Keeps the responses of the Responses API in the same databases as the sessions, and by the same setting."""

import contextvars
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from server.dialects.common.response_store import Item, ResponseStore, StoredResponse
from server.dialects.responses.stored_context import references_in
from server.sessions import response_tables as tables
from server.sessions.store import SessionStore, ask
from server.storage.database import Database


class StoredResponses:
    """The responses of all owners, in the databases of `sessions`.

    The file has only those whose requests asked to store them: no words are on the disk that no request wants there.
    """

    def __init__(self, sessions: SessionStore, *, clock: Callable[[], float] = time.time) -> None:
        self._sessions = sessions
        self._clock = clock

    async def read_for(self, owner: str, body: object) -> ResponseStore:
        """The store for parsing the request `body`: what it refers to is read, so that parsing waits for nothing."""
        previous, ids = references_in(body)
        response = None if previous is None else await self.get(owner, previous)
        items = await self.items(owner, ids) if ids else {}
        return _ReadAhead(self, owner, previous, response, items)

    async def get(self, owner: str, id_: str) -> StoredResponse | None:
        """The response; None if it is unknown or expired."""
        context, now = contextvars.copy_context(), self._clock()
        for database in self._sessions.databases:
            response = await ask(database, lambda c: context.run(tables.get, c, owner, id_, now=now))
            if response is not None:
                return response
        return None

    async def items(self, owner: str, ids: Collection[str]) -> dict[str, Item]:
        """The items of stored responses with these ids, as far as there are any."""
        context, now = contextvars.copy_context(), self._clock()
        found: dict[str, Item] = {}
        for database in reversed(self._sessions.databases):
            found |= await ask(database, lambda c: context.run(tables.items, c, owner, ids, now=now)) or {}
        return found

    async def delete(self, owner: str, id_: str) -> bool:
        """Deletes the response. Returns whether there was one."""
        each = [await ask(one, lambda c: tables.delete(c, owner, id_), cleans=True) for one in self._sessions.databases]
        return any(each)

    def put(self, owner: str, response: StoredResponse, *, is_asked_for: bool) -> None:
        """Has the response stored, and returns at once. What the file does not take is kept in memory."""
        memory, *file = self._sessions.databases
        if file and is_asked_for:
            self._put(file[0], owner, response, memory)
        else:
            self._put(memory, owner, response, None)

    def _put(self, database: Database, owner: str, response: StoredResponse, instead: Database | None) -> None:
        now = self._clock()
        # Which has `is_large`: a large response is then encoded in steps.
        context = contextvars.copy_context()
        done = database.call(lambda c: context.run(tables.put, c, owner, response, now=now))

        def noted(future: Future[None]) -> None:
            error = future.exception()
            self._sessions.note_written(database, None if error is None else str(error))
            if error is not None and instead is not None:
                self._put(instead, owner, response, None)

        done.add_done_callback(noted)
        self._sessions.prune(database)


@dataclass(frozen=True, slots=True)
class _ReadAhead:
    """What one request refers to."""

    responses: StoredResponses
    owner: str
    previous: str | None
    response: StoredResponse | None
    items: Mapping[str, Item]

    def put(self, owner: str, response: StoredResponse, *, is_asked_for: bool) -> None:
        self.responses.put(owner, response, is_asked_for=is_asked_for)

    def get(self, owner: str, id_: str) -> StoredResponse | None:
        return self.response if (owner, id_) == (self.owner, self.previous) else None

    def item(self, owner: str, id_: str) -> Item | None:
        return self.items.get(id_) if owner == self.owner else None
