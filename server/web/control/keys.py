"""The keys of apps: lists, creates, changes and revokes them. Only the reply that creates a key has its text."""

import asyncio

from fastapi import APIRouter, Request, Response

from server.errors import InvalidRequest, KeysUnreadable, NotFound
from server.keys.key_book import KeyBook, NameTaken
from server.keys.named_key import NamedKey
from server.keys.rights import LISTENER_NAMES, LISTENERS, RIGHTS, rights_from
from server.web.control.admission import Admission
from server.web.control.parts import Parts
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.replies import JsonReply, error_response


def keys_router(admission: Admission, engine: Engine, parts: Parts) -> APIRouter:
    """The routes over the keys of `parts`. Each change applies to the next request."""
    router = APIRouter(prefix="/keys")

    @router.get("")
    async def show(request: Request) -> Response:
        admission.page(request)
        book = _book(parts)
        return JsonReply(
            {
                "data": [_row(key, book) for key in book.listed()],
                "trouble": book.trouble,
                # Without a required key an app can go on without its own.
                "key_required": engine.config.local_key is not None,
                "listeners": [{"id": listener, "title": LISTENER_NAMES[listener]} for listener in LISTENERS],
            }
        )

    @router.post("")
    async def create(request: Request) -> Response:
        admission.page(request)
        book, given = _book(parts), await _object(request)
        name = given.get("name")
        if given.get("numbered") is True and isinstance(name, str):
            name = book.free_name(name.strip())
        try:
            key, text = await asyncio.to_thread(book.add, name, rights_from(given))
        except (KeysUnreadable, NameTaken) as error:
            return _conflict(error, request)
        return JsonReply({**_row(key, book), "key": text}, status=201)

    @router.patch("/{name:path}")
    async def change(request: Request, name: str) -> Response:
        admission.page(request)
        book, given = _book(parts), await _object(request)
        rights = rights_from(given, book.named(name).rights)
        try:
            key = await asyncio.to_thread(book.change, name, new_name=given.get("name"), rights=rights)
        except (KeysUnreadable, NameTaken) as error:
            return _conflict(error, request)
        return JsonReply(_row(key, book))

    @router.delete("/{name:path}")
    async def revoke(request: Request, name: str) -> Response:
        admission.page(request)
        try:
            key = await asyncio.to_thread(_book(parts).revoke, name)
        except (KeysUnreadable, NameTaken) as error:
            return _conflict(error, request)
        return JsonReply({"name": key.name, "revoked": True})

    return router


def _book(parts: Parts) -> KeyBook:
    if parts.keys is None:
        raise NotFound("This server has no keys of apps.")
    return parts.keys


async def _object(request: Request) -> dict[str, object]:
    """The body. Raises `InvalidRequest`, also for a field with another name than those of a key."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    for field in body:
        if field not in {"name", "numbered", *RIGHTS}:
            raise InvalidRequest(f"A key has no field {str(field)[:80]!r}.", param=str(field)[:80])
    return body


def _row(key: NamedKey, book: KeyBook) -> dict[str, object]:
    use = book.use_of(key)
    return {
        "name": key.name,
        "created_at": key.created_at,
        **key.rights.as_json(),
        "used_at": use.used_at,
        "requests_in_last_minute": use.requests,
        "tokens_in_last_minute": use.tokens,
    }


def _conflict(error: KeysUnreadable | NameTaken, request: Request) -> Response:
    reply = error_response(error, request.scope)
    reply.status_code = 409
    return reply
