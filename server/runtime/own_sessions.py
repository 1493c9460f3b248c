"""The session ids of our own Claude Code processes: a request that carries one would pass through us without end."""

from collections import OrderedDict

# Processes come and go; the ids of the latest are enough to end a recursion.
REMEMBERED = 256


class OwnSessions:
    """The last `REMEMBERED` ids."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, session: str) -> bool:
        return session in self._ids

    def note(self, session: str) -> None:
        """Remembers the id that a process sends upstream."""
        self._ids[session] = None
        while len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
