"""What /docs shows of sessions."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.errors import InvalidRequest, NotFound
from server.web.openapi.error_examples import ACCESS, Responses, error_responses
from server.web.openapi.examples import json_response

SESSION_ID = "my-learning-session"
_SESSION = {
    "id": SESSION_ID,
    "object": "session",
    "session_id": SESSION_ID,
    "created_at": "2026-11-28T12:00:00Z",
    "last_accessed": "2026-11-28T12:05:10Z",
    "expires_at": "2026-11-28T13:05:10Z",
    "message_count": 4,
    "bytes": 412,
    "forked_from": None,
}
_MESSAGES = [{"role": "user", "content": "My name is Alice."}, {"role": "assistant", "content": "Hello Alice!"}]
_READ = {**_SESSION, "system_prompt": "Be brief.", "messages": _MESSAGES, "next_after": 2}
_MISSING = (*ACCESS, NotFound(f"There is no session '{SESSION_ID}'."))
LISTED: Responses = {
    200: json_response(
        "The sessions",
        {
            "object": "list",
            "data": [_SESSION],
            "sessions": [_SESSION],
            "total": 1,
            "pagination": {
                "page": 1,
                "per_page": 100,
                "total_items": 1,
                "total_pages": 1,
                "has_next": False,
                "has_prev": False,
            },
        },
    ),
    **error_responses((*ACCESS, InvalidRequest("limit must be an integer from 1 to 1000.", param="limit"))),
}
ONE: Responses = {
    200: json_response("The session", _READ),
    **error_responses((*_MISSING, InvalidRequest("limit must be an integer from 1 to 1000.", param="limit"))),
}
DELETED: Responses = {
    200: json_response("It is deleted", {"id": SESSION_ID, "object": "session", "deleted": True}),
    **error_responses(_MISSING),
}
FORKED: Responses = {
    200: json_response("The copy", {**_SESSION, "id": "copy", "session_id": "copy", "forked_from": SESSION_ID}),
    **error_responses(
        (*_MISSING, InvalidRequest("session_id: there is a session 'copy' already.", param="session_id"))
    ),
}
STATS: Responses = {
    200: json_response(
        "The sums",
        {
            "session_stats": {"active_sessions": 1, "expired_sessions": 0, "total_messages": 4, "total_bytes": 412},
            "kept": "disk",
            "problem": None,
            "default_ttl_hours": 1.0,
            "cleanup_interval_minutes": 1,
        },
    ),
    **error_responses(ACCESS),
}
LIST_EXTRA: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "description": what, "schema": {"type": "integer", "default": usual}}
        for name, what, usual in (
            ("limit", "How many sessions at most, up to 1000. `per_page` is another name for it.", 100),
            ("page", "Which page of so many sessions.", 1),
        )
    ]
}
PAGE_EXTRA: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "description": what, "schema": {"type": "integer", "default": usual}}
        for name, what, usual in (
            ("limit", "How many messages at most, up to 1000.", 100),
            ("after", "How many messages of the beginning to leave out: `next_after` of the page before.", 0),
        )
    ]
}
FORK_EXTRA: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"session_id": {"type": "string"}}},
                "example": {"session_id": "copy"},
            }
        }
    }
}
