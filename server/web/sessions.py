"""Answers the requests of a session one after another, each with the conversation so far."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from urllib.parse import quote
from weakref import WeakValueDictionary

from server.config import Config
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import Event, Finished
from server.conversation.parts import Message, Thinking
from server.conversation.request import ModelRequest
from server.dialects.common.answers.answer_events import AnswerEvents
from server.dialects.common.history.message_rules import answer_parts
from server.errors import InvalidRequest, QueueFull, QueueTimeout
from server.offload import offload
from server.sessions.encoding import size_of
from server.sessions.joining import How, Joined, has_history, joined, loses_answers
from server.sessions.session import LONGEST_NAME, MOST_BYTES, MOST_MESSAGES, Session
from server.sessions.store import SessionStore
from server.web.access.head import as_text
from server.web.replies import header_value
from server.web.streaming.responses import Headers, ignored_header

FIELD, HEADER = "session_id", "x-session-id"
# Clients leave them out of the path of a URL.
_NO_NAMES = frozenset({".", ".."})
# Those whose requests are conversations.
_DIALECTS = frozenset({"chat_completions", "messages", "responses", "ollama"})
# More processes would not help.
_HINT = "Requests of one session are answered one after another. Try again in a moment, or use another session."

Ask = Callable[[ModelRequest], AsyncGenerator[Event, None]]


class SessionRequests:
    """The requests of all sessions in `store`."""

    def __init__(self, store: SessionStore, config: Callable[[], Config]) -> None:
        self._store = store
        self._config = config
        self._lines: WeakValueDictionary[tuple[str, str], _Line] = WeakValueDictionary()

    def name_in(self, dialect: str, body: object, headers: Mapping[str, str]) -> tuple[str | None, object]:
        """The session that the request names, None for no session, and the body without that name.

        Raises `InvalidRequest` for a name that no session can have.
        """
        if dialect not in _DIALECTS or not isinstance(body, dict) or not self._store.is_on:
            return None, body
        given = body.get(FIELD)
        rest = {field: value for field, value in body.items() if field != FIELD}
        if given not in (None, ""):
            return checked_name(given, FIELD), rest
        given = as_text(headers.get(HEADER, "")).strip()
        return checked_name(given, HEADER) if given else None, rest

    def without_effect(self, dialect: str, headers: Mapping[str, str]) -> tuple[str, ...]:
        """The header, if the request names a session with it and can have none."""
        has_none = dialect not in _DIALECTS or not self._store.is_on
        return (HEADER,) if has_none and headers.get(HEADER, "").strip() else ()

    def answer(
        self,
        owner: str,
        name: str,
        request: ModelRequest,
        parse_after: Callable[[tuple[Message, ...]], ModelRequest],
        *,
        ask: Ask,
        is_retry: bool,
    ) -> "SessionAnswer":
        """The answer to `request`. `parse_after` parses it as the continuation of other messages.

        `is_retry`: the client repeats it, because it may not have got the answer. Raises `InvalidRequest`.
        """
        if request.choices > 1:
            raise InvalidRequest("n must be 1 with session_id: a session continues with one answer.", param="n")
        line = self._lines.setdefault((owner, name), _Line())
        return SessionAnswer(self._store, self._config(), line, (owner, name), request, parse_after, ask, is_retry)


def checked_name(given: object, field: str) -> str:
    """The name of a session in `field`. Raises `InvalidRequest`."""
    name = str(given).strip() if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(f"{field} must be a string of at most {LONGEST_NAME} printable characters.", param=field)
    if name in _NO_NAMES:
        raise InvalidRequest(f"{field} must not be '{name}', because clients remove it from URLs.", param=field)
    return name


class _Line:
    """The requests of one session, in order."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, config: Config) -> AsyncIterator[None]:
        """Waits until the requests before are answered. Raises `QueueFull` or `QueueTimeout`."""
        if self._waiting > config.max_waiting:
            raise QueueFull("Too many requests wait for earlier ones of the same session.", hint=_HINT)
        self._waiting += 1
        try:
            async with asyncio.timeout(config.queue_timeout_s):
                await self._lock.acquire()
        except TimeoutError as error:
            raise QueueTimeout("The previous request of the same session took too long.", hint=_HINT) from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()


class SessionAnswer:
    """The answer to one request of a session; the session then continues with it, if it is complete."""

    def __init__(
        self,
        store: SessionStore,
        config: Config,
        line: _Line,
        key: tuple[str, str],
        request: ModelRequest,
        parse_after: Callable[[tuple[Message, ...]], ModelRequest],
        ask: Ask,
        is_retry: bool,  # noqa: FBT001 # for one caller
    ) -> None:
        self._store, self._config, self._line, self._key = store, config, line, key
        self._request, self._parse_after, self._ask, self._is_retry = request, parse_after, ask, is_retry
        self._how = ""
        # The id under which the messages that an edited history leaves out are kept.
        self._branch: str | None = None

    def headers(self) -> Headers:
        """What is known of the session and of the request when the answer begins."""
        how = [(b"x-drawbridge-session", header_value(self._how).encode())] if self._how else []
        branch = [] if self._branch is None else [(b"x-drawbridge-session-fork", quote(self._branch).encode())]
        return [*how, *branch, *ignored_header(self._request.ignored)]

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events of the answer."""
        async with self._line.turn(self._config):
            session = await self._store.load(*self._key)
            request = self._request = await self._continued(session)
            await offload(_check_size, session, request.messages)
            shown, answer = AnswerEvents(request.answer), MessageAccumulator()
            async with aclosing(self._ask(request)) as events:
                async for event in events:
                    for each in shown.feed(event):
                        answer.add(each)
                    if isinstance(event, Finished):
                        whole = (*request.messages, *_kept(answer.message_with_thinking))
                        await self._store.save(session, request.profile.system, whole, branch=self._branch)
                    yield event

    async def _continued(self, session: Session) -> ModelRequest:
        """The request with the whole conversation, as if the client had sent all of it."""
        request, stored = self._request, session.messages
        if stored and not has_history(request.messages):
            request, self._how = await offload(self._after, stored)
            return self._with_system(request, session)
        join, is_branch = await offload(_joined, stored, request.messages)
        self._how = join.how
        self._branch = await self._store.branch_id(*self._key) if is_branch else None
        request = replace(request, messages=join.messages)
        return request if join.is_whole else self._with_system(request, session)

    def _after(self, stored: tuple[Message, ...]) -> tuple[ModelRequest, How]:
        """The request as the continuation of what is stored, and how it continues that."""
        if stored[-1].role == "user":
            # Claude's answer said nothing. A client that sends its history sends that question again.
            again = self._parse_after(stored[:-1])
            if _is_repeated(stored, again.messages):
                return again, "resent"
        elif self._is_retry and len(stored) > 1:
            # Its answer was stored, and may have been lost on the way to the client.
            again = self._parse_after(stored[:-2])
            if again.messages == stored[:-1]:
                return again, "continued"
        return self._parse_after(stored), "continued"

    def _with_system(self, request: ModelRequest, session: Session) -> ModelRequest:
        if request.profile.system or not session.system:
            return request
        return replace(request, profile=replace(request.profile, system=session.system))


def _joined(stored: Sequence[Message], sent: Sequence[Message]) -> tuple[Joined, bool]:
    """How the request continues the session, and whether what it replaces is kept."""
    join = joined(stored, sent)
    return join, join.how == "changed" and loses_answers(stored, join.messages)


def _check_size(session: Session, messages: Sequence[Message]) -> None:
    """Raises `InvalidRequest` if the session would become too large."""
    size = size_of(messages) if len(messages) <= len(session.messages) else session.size
    size += size_of(messages[len(session.messages) :])
    if len(messages) <= MOST_MESSAGES and size <= MOST_BYTES:
        return
    raise InvalidRequest(
        f"{FIELD}: the session '{session.id}' would have {len(messages):,} messages and {size / 1e6:.1f} MB;"
        f" at most {MOST_MESSAGES:,} messages and {MOST_BYTES / 1e6:.0f} MB are kept.",
        param=FIELD,
        hint="Start another session, and delete this one if you do not need it.",
    )


def _kept(answer: Message) -> Iterator[Message]:
    """Yields the answer as later requests contain it, unless it says nothing. Claude refuses unsigned thinking."""
    parts = [part for part in answer.parts if not isinstance(part, Thinking) or part.signature is not None]
    if kept := answer_parts(parts):
        yield Message("assistant", tuple(kept))


def _is_repeated(stored: Sequence[Message], messages: Sequence[Message]) -> bool:
    """Whether the conversation `messages` has the stored one, which ends with a question, as its beginning."""
    last = len(stored) - 1
    if len(messages) <= last or tuple(messages[:last]) != tuple(stored[:last]):
        return False
    parts = stored[last].parts
    return messages[last].parts[: len(parts)] == parts
