"""Observes a request for the journal: what is known of it at its end, from its head, its route and its answer."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from starlette.types import Scope

from server.conversation.events import Event, Failed, Finished, Started
from server.errors import DrawbridgeError
from server.journal.apps import app_of
from server.journal.record import Outcome, Record
from server.logs import redacted
from server.web.access.policy import Head

ENTRY = "drawbridge.entry"
"""The key in an ASGI scope of the request's `Entry`."""
_LONGEST = 200
# What people open in a browser, and what the menu and the page use.
_NOT_KEPT = ("/control/", "/docs", "/manual", "/health", "/openapi.json", "/favicon.ico")


class Entry:
    """One request, from its arrival to its end. The route fills `record` in, and wraps the answer in `watch`."""

    def __init__(self, head: Head, door: str, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._head = head
        self._headers = {header: values[-1] for header, values in head.headers.items()}
        path = redacted(head.path)[:_LONGEST]
        app = app_of(self._headers)
        self.record = Record(name, 0.0, door, app, path, "cancelled")
        self._is_finished = False
        self._cut: Callable[[DrawbridgeError], None] = lambda _: None

    @property
    def age_ms(self) -> float:
        """How long ago the request arrived."""
        return self._ms()

    def attach(self, cut: Callable[[DrawbridgeError], None]) -> None:
        """Has `stop` call `cut`, which ends the answer with an error."""
        self._cut = cut

    def stop(self, error: DrawbridgeError) -> bool:
        """Ends the answer with `error`. Returns False if the answer is complete, and on its way to the client."""
        if self._is_finished:
            return False
        self.fails(error)
        self._cut(error)
        return True

    def sees(self, body: object, *, dialect: str) -> None:
        """Notes who asks, and for which model, as the body says it."""
        model = body.get("model") if isinstance(body, dict) else None
        asked = model if isinstance(model, str) else ""
        self.record = replace(self.record, app=app_of(self._headers, body), dialect=dialect, asked=_short(asked))

    def finish(self, **known: object) -> None:
        """Notes the fields of the record that an answer without events has."""
        self._is_finished = True
        self.record = replace(self.record, **known)  # type: ignore[arg-type] # fields of `Record`

    def fails(self, error: DrawbridgeError) -> None:
        """Notes the error that the client gets."""
        self.record = replace(self.record, error=type(error).__name__, trouble=error.title)

    async def watch(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The same events."""
        async with aclosing(events):
            try:
                async for event in events:
                    if isinstance(event, Started | Finished | Failed):
                        self._note(event)
                    yield event
            except DrawbridgeError as error:
                self.fails(error)
                raise

    def _note(self, event: Started | Finished | Failed) -> None:
        if isinstance(event, Failed):
            self.fails(event.error)
        elif isinstance(event, Started):
            if self.record.first_ms is None:
                self.record = replace(self.record, model=event.model, way=event.way, first_ms=self._ms())
        else:
            leased_ms = event.timings.leased_ms or None
            self.finish(usage=event.usage, cost_usd=event.cost_usd, leased_ms=leased_ms)

    def ended(self, status: int | None, *, at: float, payer: str) -> Record | None:
        """The record of the request with the response's status; None if the request is none for the journal.

        `status` is None if the client disconnected before the response.
        """
        is_failed = bool(self.record.error) or (status or 0) >= 400
        if self._head.path in {"", "/"} or self._head.path.startswith(_NOT_KEPT):
            return None
        # Lists of models and the like are of interest only if they fail.
        if not self.record.dialect and not is_failed:
            return None
        outcome: Outcome = "failed" if is_failed else "answered" if self._is_finished else "cancelled"
        payer = payer if self.record.first_ms is not None else ""
        return replace(self.record, ended_at=at, outcome=outcome, status=status, payer=payer, total_ms=self._ms())

    def _ms(self) -> float:
        return round((self._clock() - self._began) * 1000, 1)


def entry_of(scope: Scope) -> Entry:
    """The entry of a request that `AccessMiddleware` has let in."""
    entry = scope[ENTRY]
    assert isinstance(entry, Entry)
    return entry


def attach(scope: Scope, cut: Callable[[DrawbridgeError], None]) -> None:
    """Has the request's entry stop it by `cut`, if it has an entry."""
    if ENTRY in scope:
        entry_of(scope).attach(cut)


def note_failure(scope: Scope, error: DrawbridgeError) -> None:
    """Notes the error that the client gets, if the request has an entry."""
    if ENTRY in scope:
        entry_of(scope).fails(error)


def _short(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:_LONGEST]
