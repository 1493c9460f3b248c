"""The last kept requests, in memory: bounded in their number and in their size together."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any  # a kept request as JSON

MOST = 50
MOST_TOGETHER = 20_000_000
# Of how many requests it is known that they were kept once.
_MOST_GONE = 1000


class KeptInMemory:
    """Kept requests by their id, the newest last. Of two with one id the newer one is kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Mapping[str, Any], int]] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def add(self, id_: str, kept: Mapping[str, Any], size: int) -> None:
        """Keeps it, and drops the oldest ones that no longer fit."""
        self.drop(id_)
        self._gone.pop(id_, None)
        self._kept[id_] = kept, size
        self.size += size
        while len(self._kept) > MOST or self.size > MOST_TOGETHER:
            oldest = next(iter(self._kept))
            self.drop(oldest)
            self._gone[oldest] = None
        while len(self._gone) > _MOST_GONE:
            self._gone.popitem(last=False)

    def get(self, id_: str) -> Mapping[str, Any] | None:
        """The kept request."""
        found = self._kept.get(id_)
        return None if found is None else found[0]

    def was_kept(self, id_: str) -> bool:
        """Whether it made room for newer ones."""
        return id_ in self._gone

    def all(self) -> list[Mapping[str, Any]]:
        """All, the newest first."""
        return [kept for kept, _ in reversed(self._kept.values())]

    def drop(self, id_: str) -> bool:
        """Forgets one; returns whether it was kept."""
        found = self._kept.pop(id_, None)
        if found is not None:
            self.size -= found[1]
        return found is not None

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()
        self._gone.clear()
        self.size = 0
