"""The endpoints for embeddings: by the local model, or passed on to another endpoint."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar  # Any: FastAPI's OpenAPI arguments

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from server.answering.model_routing import model_denied
from server.conversation.embedding import LOCAL_MODEL, OPENAI_NAMES, EmbeddingRequest, Embeddings
from server.conversation.events import Usage
from server.dialects.embeddings.base import EmbeddingForm, EmbeddingReply
from server.dialects.embeddings.openai import embeddings_from, openai_body
from server.dialects.embeddings.registry import FORMS
from server.dialects.embeddings.texts import check_tokens
from server.dialects.framing import json_bytes
from server.embeddings.endpoint import PASSED_ON
from server.errors import EndpointFailed, EndpointRefused, InvalidRequest, ModelUnknown
from server.large_json import dumps, loads
from server.offload import LARGE, is_large, offload
from server.web.access.policy import Access, access_of
from server.web.interfaces import Engine
from server.web.journaling import entry_of
from server.web.json_body import json_body
from server.web.model_names import may_embed
from server.web.openapi.embeddings import OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OPENAI_EMBEDDINGS
from server.web.path_aliases import DEPLOYMENT
from server.web.replies import JSON_HEADERS, header_value

_KNOWN_NAMES = frozenset({LOCAL_MODEL, *OPENAI_NAMES})
# Their vectors as text take the event loop longer than handing them over.
_MANY_TEXTS = 16
_JOURNAL_NAME = "embeddings"
_PROMPT_TOKENS = re.compile(rb'"prompt_tokens"\s*:\s*(\d{1,9})\b')
_USAGE_WITHIN = 1000

T = TypeVar("T")
_DOCUMENTATION: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "/v1/embeddings": OPENAI_EMBEDDINGS,
        "/api/embed": OLLAMA_EMBED,
        "/api/embeddings": OLLAMA_EMBEDDINGS,
    }
)


def embeddings_router(engine: Engine, *, admit: Callable[[Access], None] = lambda _: None) -> APIRouter:
    """The endpoints of all forms. `admit` counts a request of an app's key, and raises `KeyLimited`."""
    router = APIRouter()
    for form in FORMS:
        answer = _endpoint(form, engine, admit)
        documentation = _DOCUMENTATION.get(form.path, {"include_in_schema": False})
        router.add_api_route(form.path, answer, methods=["POST"], **documentation)
    return router


def _endpoint(
    form: EmbeddingForm, engine: Engine, admit: Callable[[Access], None]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(http: Request) -> Response:
        raw = await http.body()
        is_large.set(len(raw) > LARGE)
        entry = entry_of(http.scope)
        entry.sees(None, dialect=_JOURNAL_NAME)
        admit(access_of(http))
        await _check_rights(http, engine)
        if engine.config.embeddings_url:
            response, tokens = await _unless_disconnected(http, _passed_on(form, engine, http, raw))
            entry.finish(way="endpoint", usage=Usage(input=tokens))
            return response
        check_tokens(raw)
        body = await json_body(http)
        entry.sees(body, dialect=_JOURNAL_NAME)
        request, reply = await offload(form.parse, body)
        _check_model(request.model, engine)
        embeddings = await _unless_disconnected(http, engine.embedder.embed(request))
        entry.ignores((*request.ignored, *embeddings.notes))
        entry.finish(model=embeddings.model, usage=Usage(input=embeddings.tokens))
        return await _answer(reply, request, embeddings)

    return answer


async def _answer(reply: EmbeddingReply, request: EmbeddingRequest, embeddings: Embeddings) -> Response:
    headers = {"x-drawbridge-model": header_value(embeddings.model)}
    if ignored := (*request.ignored, *embeddings.notes):
        headers["x-drawbridge-ignored"] = header_value(", ".join(ignored))
    is_large.set(is_large.get() or len(embeddings.vectors) > _MANY_TEXTS)
    body = await offload(lambda: _in_steps(reply.body(embeddings)))
    return _json(body, 200, headers)


async def _passed_on(form: EmbeddingForm, engine: Engine, http: Request, raw: bytes) -> tuple[Response, int]:
    """The answer of the other endpoint, which alone decides what it takes, and the tokens that it counted."""
    is_passed_on, model = PASSED_ON in http.headers, engine.config.embeddings_model
    if form.is_openai:
        if model := model or http.scope.get(DEPLOYMENT):
            raw = await _with_model(http, model)
        back = await engine.embedder.pass_on(raw, is_passed_on=is_passed_on)
        return _json(back.body, back.status, {**back.headers, "x-drawbridge-way": "endpoint"}), _tokens_in(back.body)
    request, reply = await offload(form.parse, await json_body(http))
    if not request.texts:
        return await _answer(reply, request, Embeddings((), request.model, 0)), 0
    sent = json_bytes(openai_body(request, model))
    back = await engine.embedder.pass_on(sent, is_passed_on=is_passed_on)
    received = await offload(_parsed, back.body)
    if back.status != 200:
        raise EndpointRefused(_message(received), status=back.status)
    embeddings = await offload(embeddings_from, received, request)
    return await _answer(reply, request, embeddings), embeddings.tokens


def _tokens_in(body: bytes) -> int:
    """The tokens of an answer that is passed on unread: its usage stands before or behind the vectors."""
    found = _PROMPT_TOKENS.search(body, max(0, len(body) - _USAGE_WITHIN)) or _PROMPT_TOKENS.search(
        body, 0, _USAGE_WITHIN
    )
    return 0 if found is None else int(found[1])


async def _with_model(http: Request, model: str) -> bytes:
    body = await json_body(http)
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    return (await offload(dumps, {**body, "model": model})).encode()


def _parsed(body: bytes) -> object:
    try:
        return loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise EndpointFailed("The answer of the endpoint is not JSON.") from error


def _message(body: object) -> str:
    """The message of an error in any of the usual forms."""
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return message[:1000] if isinstance(message, str) and message else "The endpoint gave no reason."


def _check_model(model: str, engine: Engine) -> None:
    if engine.config.strict_models and model.removesuffix(":latest") not in _KNOWN_NAMES:
        raise ModelUnknown(
            f"The model {model[:100]!r} does not exist.", param="model", hint=f"Use {LOCAL_MODEL} for embeddings."
        )


async def _check_rights(http: Request, engine: Engine) -> None:
    """Raises `ModelDenied` if the request's key does not allow the model that would embed."""
    allowed, config = access_of(http).models, engine.config
    if not allowed:
        return
    body = await json_body(http)
    named = body.get("model") if isinstance(body, dict) else None
    named = named if isinstance(named, str) else ""
    names = {config.embeddings_model or named} if config.embeddings_url else {LOCAL_MODEL, named}
    if not may_embed(names, allowed):
        raise model_denied(named[:100] or LOCAL_MODEL, allowed)


def _in_steps(body: Mapping[str, object]) -> bytes:
    """`body` as JSON, each item of its lists by itself: one call for all numbers would keep the event loop waiting."""
    fields = []
    for name, value in body.items():
        text = b"[%s]" % b",".join(map(json_bytes, value)) if isinstance(value, list) else json_bytes(value)
        fields.append(json_bytes(name) + b":" + text)
    return b"{%s}" % b",".join(fields)


def _json(body: bytes, status: int, headers: Mapping[str, str]) -> Response:
    kept = {name: value for name, value in headers.items() if name != "content-type"}
    response = Response(body, status_code=status, headers=kept)
    response.raw_headers.extend(JSON_HEADERS)
    return response


async def _unless_disconnected(http: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client disconnects. Raises `ClientDisconnect` then."""
    task, watcher = asyncio.create_task(work), asyncio.create_task(_disconnected(http))
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        watcher.cancel()
        await asyncio.wait({task, watcher})


async def _disconnected(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
