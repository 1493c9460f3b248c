"""Keeps responses for requests that refer to them by an id; the default store keeps them in memory."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from server.dialects.framing import json_bytes

Item = Mapping[str, object]

MAX_RESPONSES = 1000
MAX_BYTES = 64 * 2**20
MAX_AGE_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response. `input` are all items before its output, also those of the responses that it continues."""

    id: str
    body: Mapping[str, object]
    input: tuple[Item, ...]
    output: tuple[Item, ...]


class ResponseStore(Protocol):
    """Responses and their items by owner and id. No owner sees what another one stored."""

    def put(self, owner: str, response: StoredResponse) -> None:
        """Stores the response and its items."""

    def get(self, owner: str, id_: str) -> StoredResponse | None:
        """Returns the response; None if it is unknown or was dropped."""

    def item(self, owner: str, id_: str) -> Item | None:
        """Returns an item of a stored response."""

    def delete(self, owner: str, id_: str) -> bool:
        """Drops the response. Returns whether there was one."""


class NoStore:
    """Stores nothing."""

    def put(self, owner: str, response: StoredResponse) -> None:
        """Does nothing."""

    def get(self, owner: str, id_: str) -> StoredResponse | None:  # noqa: ARG002
        """Returns None."""
        return None

    def item(self, owner: str, id_: str) -> Item | None:  # noqa: ARG002
        """Returns None."""
        return None

    def delete(self, owner: str, id_: str) -> bool:  # noqa: ARG002
        """Returns False."""
        return False


@dataclass(slots=True)
class _KeptItem:
    item: Item
    size: int
    uses: int = 0


@dataclass(frozen=True, slots=True)
class _Kept:
    response: StoredResponse
    items: tuple[str, ...]
    until: float


class MemoryStore:
    """An LRU cache of responses. An item that several responses contain is kept, and counted, once."""

    def __init__(
        self,
        *,
        max_responses: int = MAX_RESPONSES,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_responses = max_responses
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._items: dict[tuple[str, str], _KeptItem] = {}
        self._bytes = 0
        # Large requests are parsed in threads.
        self._lock = Lock()

    def put(self, owner: str, response: StoredResponse) -> None:
        """Stores the response and its items; drops those used longest ago beyond the limits."""
        with self._lock:
            self._drop((owner, response.id))
            ids: list[str] = []
            for item in (*response.input, *response.output):
                id_ = str(item["id"])
                kept = self._items.get((owner, id_))
                if kept is None:
                    kept = self._items[owner, id_] = _KeptItem(item, len(json_bytes(item)))
                    self._bytes += kept.size
                kept.item = item
                kept.uses += 1
                ids.append(id_)
            self._kept[owner, response.id] = _Kept(response, tuple(ids), self._clock() + MAX_AGE_S)
            while len(self._kept) > self._max_responses or (self._kept and self._bytes > self._max_bytes):
                self._drop(next(iter(self._kept)))

    def get(self, owner: str, id_: str) -> StoredResponse | None:
        """Returns the response."""
        with self._lock:
            kept = self._current((owner, id_))
            return None if kept is None else kept.response

    def item(self, owner: str, id_: str) -> Item | None:
        """Returns an item of a stored response."""
        with self._lock:
            kept = self._items.get((owner, id_))
            return None if kept is None else kept.item

    def delete(self, owner: str, id_: str) -> bool:
        """Drops the response."""
        with self._lock:
            return self._drop((owner, id_))

    def _current(self, key: tuple[str, str]) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is not None and kept.until < self._clock():
            self._drop(key)
            return None
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def _drop(self, key: tuple[str, str]) -> bool:
        kept = self._kept.pop(key, None)
        for id_ in kept.items if kept is not None else ():
            item = self._items[key[0], id_]
            item.uses -= 1
            if item.uses == 0:
                del self._items[key[0], id_]
                self._bytes -= item.size
        return kept is not None
