"""The requests that are being answered now, each of which can be stopped by its id."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.conversation.events import Event
from server.errors import RequestStopped
from server.web.journaling import Entry


class RunningRequests:
    """The entries of the requests that are being answered, by the time at which they began."""

    def __init__(self) -> None:
        self._entries: dict[Entry, str] = {}

    async def watched(
        self, entry: Entry, owner: str, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """The same events, noted in `entry`. The request of `owner` is running from the first to the last of them."""
        self._entries[entry] = owner
        try:
            async with aclosing(entry.watch(events)) as noted:
                async for event in noted:
                    yield event
        finally:
            del self._entries[entry]

    def of(self, owner: str | None) -> list[Entry]:
        """The requests of `owner`, or of all owners for None, the oldest first."""
        return [entry for entry, own in self._entries.items() if owner in {None, own}]

    def stop(self, id_: str, owner: str | None) -> int:
        """Stops the requests of `owner` (None: any) with this id, and returns how many they are.

        Their clients get `RequestStopped`. An id is unique, unless clients choose the same one.
        """
        return sum(entry.stop(RequestStopped()) for entry in self.of(owner) if entry.record.id == id_)
