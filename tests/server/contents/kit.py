"""Requests to keep."""

import json
from pathlib import Path

from server.contents.contents import Contents
from server.conversation.events import Event, Finished, PartDelta, PartStarted, Started, StopReason
from server.conversation.parts import Text
from server.journal.record import Record

ANSWER: tuple[Event, ...] = (
    Started("claude"),
    PartStarted(0, Text("")),
    PartDelta(0, "Blue."),
    Finished(StopReason.END),
)


class Clock:
    """The time of a test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def record(id_: str, at: float = 1_000_000.0) -> Record:
    """The record of a request that was answered at that time."""
    return Record(id_, at, "local", "Talon", "/v1/chat/completions", "answered", 200, "chat_completions")


class Scene:
    """Contents in a folder, with a setting of the test's."""

    def __init__(self, folder: Path, days: int = 0) -> None:
        self.clock, self.days, self.changes = Clock(), days, 0
        self.troubles: list[str | None] = []
        self.file = folder / "contents.sqlite3"
        self.contents = Contents(self.file, lambda: self.days, on_change=self._changed, clock=self.clock)
        self.contents.open()

    def _changed(self) -> None:
        self.changes += 1
        self.troubles.append(self.contents.status.trouble)

    def ask(self, id_: str, body: object = "hello", events: tuple[Event, ...] = ANSWER) -> None:
        """A request that is answered, and kept if contents are."""
        self.begin_to_keep(id_, body, events)
        self.contents.flush()

    def begin_to_keep(self, id_: str, body: object = "hello", events: tuple[Event, ...] = ANSWER) -> None:
        """The same, without waiting for what is kept."""
        keeper = self.contents.keeper(id_, "POST", "/v1/chat/completions")
        if keeper is None:
            return
        keeper.received(body if isinstance(body, bytes) else json.dumps(body).encode())
        for event in events:
            keeper.saw(event)
        keeper.began(200, [(b"x-drawbridge-ignored", b"seed")])
        self.contents.end(keeper, record(id_, self.clock()))

    def ids(self) -> list[object]:
        return [row["id"] for row in self.contents.all()]
