"""The sessions of a running server, for the client library."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any  # Any: JSON of the server
from urllib.parse import quote

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

_PATH = "/sessions"
_PAGE = 1000


class Sessions:
    """The sessions of the client's key. Failed requests raise the errors of the openai client."""

    def __init__(self, client: "OpenAI") -> None:
        self._client = client

    def list(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """At most `limit` sessions, those used last first."""
        sessions: list[dict[str, Any]] = []
        page: int | None = 1
        while page is not None:
            reply: Any = self._client.get(_PATH, cast_to=object, options=_paged(page, limit))
            sessions += reply["data"]
            page = _next(reply, limit)
        return sessions[:limit]

    def get(self, session_id: str, *, limit: int = 100, after: int = 0) -> dict[str, Any]:
        """When the session was used, when it expires, and at most `limit` of its messages, behind the first `after`."""
        return _object(self._client.get(_of(session_id), cast_to=object, options=_limited(limit, after)))

    def messages(self, session_id: str) -> Iterator[dict[str, Any]]:
        """All messages of the session, as those of chat completions."""
        after: int | None = 0
        while after is not None:
            page = self.get(session_id, limit=_PAGE, after=after)
            yield from page["messages"]
            after = page["next_after"]

    def delete(self, session_id: str) -> None:
        """Deletes the session with its messages, and its forks by edited histories that no request continued."""
        self._client.delete(_of(session_id), cast_to=object)

    def fork(self, session_id: str, copy: str | None = None) -> dict[str, Any]:
        """Copies the session to the id `copy`; None: the server makes one. Returns the copy."""
        return _object(self._client.post(f"{_of(session_id)}/fork", cast_to=object, body=_copy(copy)))

    def stats(self) -> dict[str, Any]:
        """How many sessions there are, how large they are, and where they are kept."""
        return _object(self._client.get(f"{_PATH}/stats", cast_to=object))


class AsyncSessions:
    """As `Sessions`, for asyncio."""

    def __init__(self, client: "AsyncOpenAI") -> None:
        self._client = client

    async def list(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """At most `limit` sessions, those used last first."""
        sessions: list[dict[str, Any]] = []
        page: int | None = 1
        while page is not None:
            reply: Any = await self._client.get(_PATH, cast_to=object, options=_paged(page, limit))
            sessions += reply["data"]
            page = _next(reply, limit)
        return sessions[:limit]

    async def get(self, session_id: str, *, limit: int = 100, after: int = 0) -> dict[str, Any]:
        """When the session was used, when it expires, and at most `limit` of its messages, behind the first `after`."""
        return _object(await self._client.get(_of(session_id), cast_to=object, options=_limited(limit, after)))

    async def messages(self, session_id: str) -> AsyncIterator[dict[str, Any]]:
        """All messages of the session, as those of chat completions."""
        after: int | None = 0
        while after is not None:
            page = await self.get(session_id, limit=_PAGE, after=after)
            for message in page["messages"]:
                yield message
            after = page["next_after"]

    async def delete(self, session_id: str) -> None:
        """Deletes the session with its messages, and its forks by edited histories that no request continued."""
        await self._client.delete(_of(session_id), cast_to=object)

    async def fork(self, session_id: str, copy: str | None = None) -> dict[str, Any]:
        """Copies the session to the id `copy`; None: the server makes one. Returns the copy."""
        return _object(await self._client.post(f"{_of(session_id)}/fork", cast_to=object, body=_copy(copy)))

    async def stats(self) -> dict[str, Any]:
        """How many sessions there are, how large they are, and where they are kept."""
        return _object(await self._client.get(f"{_PATH}/stats", cast_to=object))


def _of(session_id: str) -> str:
    return f"{_PATH}/{quote(session_id, safe='')}"


def _copy(copy: str | None) -> dict[str, str]:
    return {} if copy is None else {"session_id": copy}


def _paged(page: int, limit: int) -> Any:
    return {"params": {"page": page, "limit": min(limit, _PAGE)}}


def _next(reply: Any, limit: int) -> int | None:
    """The number of the next page; None after the last one, or if there are enough."""
    pages: dict[str, Any] = reply.get("pagination") or {}
    return pages["page"] + 1 if pages.get("has_next") and pages["page"] * _PAGE < limit else None


def _limited(limit: int, after: int) -> Any:
    return {"params": {"limit": limit, "after": after}}


def _object(reply: Any) -> dict[str, Any]:
    return dict(reply)
