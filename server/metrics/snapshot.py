"""The state of the server that a scrape reports."""

from dataclasses import dataclass

from server.status import Status


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The status, how many requests are being answered, and how many changes the journal could not write."""

    status: Status
    running: int
    dropped: int
