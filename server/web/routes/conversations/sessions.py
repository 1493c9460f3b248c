"""The routes of sessions: list, read, delete, fork, and their sums."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from server.dialects.chat_completions.kept_messages import chat_messages
from server.errors import InvalidRequest, NotFound
from server.offload import offload
from server.sessions.session import MOST_MESSAGES, Page, SessionInfo, Totals
from server.sessions.store import MOST_SESSIONS, SessionStore
from server.web.access.policy import access_of
from server.web.json_body import json_body
from server.web.openapi.sessions import (
    DELETED,
    FORK_EXTRA,
    FORKED,
    LIST_EXTRA,
    LISTED,
    ONE,
    PAGE_EXTRA,
    SESSION_ID,
    STATS,
)
from server.web.pagination import pagination
from server.web.replies import JsonReply
from server.web.sessions import FIELD, checked_name

_MOST, _USUAL = 1000, 100
SessionId = Annotated[str, Path(examples=[SESSION_ID])]


def sessions_router(store: SessionStore) -> APIRouter:
    """The routes over `store`. Each access key sees only its own sessions."""
    router = APIRouter(prefix="/v1/sessions", tags=["Sessions"])

    def json(info: SessionInfo) -> dict[str, object]:
        return session_json(info, store.hours)

    async def found(http: Request, id_: str) -> SessionInfo:
        if (info := await store.info(access_of(http).owner, id_)) is None:
            raise _missing(store, id_)
        return info

    @router.get("", summary="List the sessions of your key", responses=LISTED, openapi_extra=LIST_EXTRA)
    async def list_sessions(http: Request) -> Response:
        """Lists the sessions of your key, those used last first.

        `limit` is their greatest number, and `page` chooses those after the first ones.
        """
        owner, (page, size) = access_of(http).owner, _page_in(http.query_params)
        rows = [json(info) for info in (await store.listed(owner, page * size))[(page - 1) * size :]]
        total = (await store.totals(owner)).sessions
        listed = {"object": "list", "data": rows, "sessions": rows, "total": total}
        return JsonReply({**listed, "pagination": pagination(page, size, total)})

    @router.get("/stats", summary="Sum up sessions", responses=STATS)
    async def stats(http: Request) -> Response:
        """Returns how many sessions your key has, how large they are, and where they are kept."""
        return JsonReply(stats_json(store, await store.totals(access_of(http).owner)))

    @router.get("/{session_id:path}", summary="Read a session", responses=ONE, openapi_extra=PAGE_EXTRA)
    async def read(http: Request, session_id: SessionId) -> Response:
        """Returns when the session was used, when it expires, and its messages as those of chat completions.

        `limit` is their greatest number, and `next_after` is the `after` of the next page; null on the last one.
        """
        limit = _number(http.query_params, "limit", _USUAL, range(1, _MOST + 1))
        after = _number(http.query_params, "after", 0, range(MOST_MESSAGES + 1))
        info = await found(http, session_id)
        page = await store.page(access_of(http).owner, session_id, after=after, limit=limit)
        if page is None:
            raise _missing(store, session_id)
        return await offload(JsonReply, {**json(info), **await offload(_page_json, page)})

    @router.delete("/{session_id:path}", summary="Delete a session", responses=DELETED)
    async def delete(http: Request, session_id: SessionId) -> Response:
        """Deletes the session with all its messages, and its forks by edited histories that no request continued."""
        await found(http, session_id)
        await store.delete(access_of(http).owner, session_id)
        return JsonReply({"id": session_id, "object": "session", "deleted": True})

    @router.post("/{session_id:path}/fork", summary="Fork a session", responses=FORKED, openapi_extra=FORK_EXTRA)
    async def fork(http: Request, session_id: SessionId) -> Response:
        """Copies the session. The body may give the copy's `session_id`; without one, Drawbridge makes it."""
        await found(http, session_id)
        copy = _name_in(await json_body(http) if await http.body() else {})
        if not await store.fork(access_of(http).owner, session_id, copy):
            raise InvalidRequest(f"{FIELD}: there is a session '{copy}' already.", param=FIELD)
        return JsonReply(json(await found(http, copy)))

    return router


def _page_in(query: Mapping[str, str]) -> tuple[int, int]:
    """The number of the page, from 1, and how many sessions it has."""
    # As claude-code-api names it.
    size = _number(query, "limit" if "limit" in query else "per_page", _USUAL, range(1, _MOST + 1))
    return _number(query, "page", 1, range(1, MOST_SESSIONS + 1)), size


def _name_in(body: object) -> str:
    """The name that the body gives to a copy, or a new one."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    given = body.get(FIELD)
    return f"session_{secrets.token_hex(12)}" if given is None else checked_name(given, FIELD)


def _page_json(page: Page) -> dict[str, object]:
    messages = chat_messages(page.messages)
    return {"system_prompt": page.system or None, "messages": messages, "next_after": page.following}


def _missing(store: SessionStore, id_: str) -> NotFound:
    hint = f"A session is deleted {store.hours:g} hours after its last request."
    return NotFound(f"There is no session '{id_[:100]}'.", hint=hint)


def session_json(info: SessionInfo, hours: float) -> dict[str, object]:
    """A session as JSON, without its messages."""
    return {
        "id": info.id,
        "object": "session",
        "session_id": info.id,
        "created_at": _time(info.created_at),
        "last_accessed": _time(info.used_at),
        "expires_at": _time(info.used_at + hours * 3600),
        "message_count": info.messages,
        "bytes": info.size,
        "forked_from": info.forked_from,
    }


def stats_json(store: SessionStore, totals: Totals) -> dict[str, object]:
    """The sums of one key's sessions as JSON, with the field names of claude-code-openai-wrapper."""
    return {
        "session_stats": {
            "active_sessions": totals.sessions,
            # They are deleted when they expire.
            "expired_sessions": 0,
            "total_messages": totals.messages,
            "total_bytes": totals.size,
        },
        "kept": "nowhere" if not store.is_on else "disk" if store.is_on_disk else "memory",
        "problem": store.trouble,
        "default_ttl_hours": store.hours,
        "cleanup_interval_minutes": 1,
    }


def _number(query: Mapping[str, str], name: str, usual: int, allowed: range) -> int:
    """The number of a parameter in the URL. Raises `InvalidRequest`."""
    text = query.get(name) or str(usual)
    if text.isascii() and text.isdigit() and (number := int(text[:9])) in allowed:
        return number
    raise InvalidRequest(f"{name} must be an integer from {allowed[0]} to {allowed[-1]}.", param=name)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
