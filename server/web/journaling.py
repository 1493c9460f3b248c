"""Observes a request for the journal: what is known of it at its end, from its head, its route and its answer."""

import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace

from starlette.types import Scope

from server.contents.keeper import Keeper
from server.conversation.events import Event, Failed, Finished, PartDelta, Started, Usage
from server.errors import DrawbridgeError
from server.journal.apps import app_of
from server.journal.fields import fields_in
from server.journal.record import Outcome, Record
from server.keys.named_key import NamedKey
from server.logs import redacted
from server.web.access.head import Head, as_text

ENTRY = "drawbridge.entry"
"""The key in an ASGI scope of the request's `Entry`."""
_LONGEST = 200
_LETTERS_PER_TOKEN = 4
# What people open in a browser, and what the menu and the page use.
_NOT_KEPT = ("/control/", "/docs", "/manual", "/health", "/openapi.json", "/favicon.ico", "/metrics")


def may_be_kept(head: Head) -> bool:
    """Whether the contents of such a request may be kept: those of an API's."""
    return head.method == "POST" and not head.path.startswith(_NOT_KEPT)


class Entry:
    """One request, from its arrival to its end. The route fills `record` in, and wraps the answer in `watch`."""

    def __init__(self, head: Head, listener: str, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._head = head
        self._headers = {header: as_text(values[-1]) for header, values in head.headers.items()}
        path = _short(redacted(head.path))
        app = redacted(app_of(self._headers))
        self.record = Record(name, 0.0, listener, app, path, "cancelled")
        self._watched_ms = 0.0
        self._written = 0
        self.names = frozenset({name})
        """The ids by which clients know the request: its own, that of its answer, and that of its session."""
        self.number = 0
        """The number of a running request, counted from 1; 0 for one that has never been running."""
        self.key: NamedKey | None = None
        """The app's own key that the request sent."""
        self._is_finished = False
        self.error: DrawbridgeError | None = None
        self._cut: Callable[[DrawbridgeError], None] = lambda _: None
        self.keeper: Keeper | None = None  # set if the contents are kept

    @property
    def head(self) -> Head:
        """The head of the request."""
        return self._head

    @property
    def is_finished(self) -> bool:
        """Whether the answer is complete."""
        return self._is_finished

    @property
    def age_ms(self) -> float:
        """How long ago the request arrived."""
        return self._ms()

    @property
    def usage(self) -> Usage:
        """The tokens. Claude counts those of its answer at the end; until then they are estimated from the text."""
        usage = self.record.usage
        if self._is_finished:
            return usage
        return replace(usage, output=max(usage.output, -(-self._written // _LETTERS_PER_TOKEN)))

    def uses(self, key: NamedKey) -> None:
        """Notes the app's own key that the request sent."""
        self.key = key
        self.record = replace(self.record, key=key.name)

    def known_as(self, *names: str) -> None:
        """Notes other ids of the request."""
        self.names |= set(names)

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
        app = redacted(app_of(self._headers, body))
        asked = _short(redacted(asked))
        self.record = replace(self.record, app=app, dialect=dialect, asked=asked, read_ms=self._ms())

    def ignores(self, places: Iterable[str]) -> None:
        """Notes the fields of the request that have no effect."""
        self.record = replace(self.record, ignored=fields_in(places))

    def finish(self, **known: object) -> None:
        """Notes the fields of the record that an answer without events has."""
        self._is_finished = True
        self.record = replace(self.record, **known)  # type: ignore[arg-type] # fields of `Record`

    def fails(self, error: DrawbridgeError) -> None:
        """Notes the error that the client gets."""
        self.error = error
        param = getattr(error, "param", None)
        fields = fields_in([param] if isinstance(param, str) else [])
        self.record = replace(self.record, error=type(error).__name__, trouble=_short(error.title), param=fields)

    async def watch(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The same events."""
        self._watched_ms, keeper = self._ms(), self.keeper
        async with aclosing(events):
            try:
                async for event in events:
                    if isinstance(event, Started | Finished | Failed):
                        self._note(event)
                    elif isinstance(event, PartDelta):
                        self._written += len(event.text)
                    if keeper is not None:
                        keeper.saw(event)
                    yield event
            except DrawbridgeError as error:
                self.fails(error)
                raise

    def _note(self, event: Started | Finished | Failed) -> None:
        if isinstance(event, Failed):
            self.fails(event.error)
        elif isinstance(event, Started):
            if self.record.first_ms is None:
                leased_ms, sent_ms = (self._after(ms) for ms in (event.timings.leased_ms, event.timings.sent_ms))
                self.record = replace(self.record, model=event.model, way=event.way, first_ms=self._ms())
                self.record = replace(self.record, leased_ms=leased_ms, sent_ms=sent_ms, usage=event.usage)
        else:
            self.finish(usage=event.usage, cost_usd=event.cost_usd)

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
        return self.final(status, at=at, payer=payer)

    def final(self, status: int | None, *, at: float, payer: str) -> Record:
        """The record of the request with the response's status, also if it is none for the journal."""
        is_failed = bool(self.record.error) or (status or 0) >= 400
        is_answered = self._is_finished or (status is not None and not self.record.dialect)
        outcome: Outcome = "failed" if is_failed else "answered" if is_answered else "cancelled"
        payer = payer if self.record.first_ms is not None else ""
        return replace(
            self.record,
            ended_at=at,
            outcome=outcome,
            status=status,
            payer=payer,
            total_ms=self._ms(),
            usage=self.usage,
        )

    def _after(self, ms: float) -> float | None:
        """The time since the request arrived, for one since it was passed on to be answered."""
        return round(self._watched_ms + ms, 1) if ms else None

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
