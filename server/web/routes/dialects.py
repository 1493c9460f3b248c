"""The routes of every dialect: parse the request, ask the engine, and reply streamed or whole."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any  # FastAPI's OpenAPI arguments

from fastapi import APIRouter, Request, Response

from server.answering.multiple_choices import choices
from server.answering.stop_sequences import cut_at_stops
from server.conversation.events import Event
from server.dialects.base import Dialect, ParseOptions
from server.dialects.common.answers.answer_check import AnswerChecks
from server.dialects.common.response_store import ResponseStore
from server.dialects.common.sealed import Seal
from server.dialects.lmstudio import replies as lmstudio
from server.errors import InvalidRequest
from server.logs import request_id
from server.offload import offload
from server.web.access.policy import access_of
from server.web.interfaces import Engine
from server.web.journaling import entry_of
from server.web.json_body import json_body
from server.web.openapi.chat_request import CHAT_EXTRA
from server.web.openapi.completions import COMPLETIONS
from server.web.openapi.examples import CHAT_RESPONSES
from server.web.openapi.messages import MESSAGES
from server.web.openapi.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from server.web.openapi.responses import COMPACT_OPERATION, RESPONSES_OPERATION
from server.web.path_aliases import AS_SENT
from server.web.running import RunningRequests
from server.web.streaming.checked import checked
from server.web.streaming.responses import Pace, StreamedAnswer, WholeAnswer

# What /docs shows of a path; paths without an entry are not in the OpenAPI document.
_DOCUMENTATION: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "/v1/chat/completions": {
            "name": "create_chat_completion",
            "summary": "Answer a conversation",
            "tags": ["Chat"],
            "description": "Answers a conversation. With `stream: true` the answer comes as server-sent events.",
            "openapi_extra": CHAT_EXTRA,
            "responses": CHAT_RESPONSES,
        },
        "/v1/responses": RESPONSES_OPERATION,
        "/v1/responses/compact": COMPACT_OPERATION,
        "/v1/completions": COMPLETIONS,
        "/v1/messages": MESSAGES,
        "/api/chat": OLLAMA_CHAT,
        "/api/generate": OLLAMA_GENERATE,
    }
)


def dialect_router(
    dialect: Dialect,
    engine: Engine,
    *,
    clock: Callable[[], float] = time.time,
    seal: Seal,
    store: ResponseStore,
    running: RunningRequests,
) -> APIRouter:
    """The routes of `dialect`, answered by `engine`; `running` has the requests meanwhile."""
    router = APIRouter()

    async def answer(http: Request) -> Response:
        config = engine.config
        options = ParseOptions(
            config,
            token=secrets.token_hex(12),
            now=clock(),
            path_params=http.path_params,
            headers=http.headers,
            request_id=request_id.get(),
            seal=seal,
            store=store,
        )
        body = await json_body(http)
        entry = entry_of(http.scope)
        entry.sees(body, dialect=dialect.name)
        owner = access_of(http).owner
        try:
            exchange = await offload(dialect.parse, body, owner, options)
        except RecursionError as error:
            raise InvalidRequest("The body is nested too deeply.") from error
        request, reply = exchange.request, exchange.reply
        if str(http.scope.get(AS_SENT, "")).startswith(lmstudio.PREFIX):
            reply = lmstudio.ReplyWithStats(reply, await engine.models())
        if exchange.known:
            events = _replay(exchange.known)
        else:
            requests = (request, *exchange.others)
            events = choices(requests, lambda one: cut_at_stops(engine.stream(one), one.cut_at))
        events = running.watched(entry, owner, events)
        checks = AnswerChecks(request.answer, request.choices) if request.answer else None
        events = checked(events, checks) if checks else events
        if not exchange.is_streamed:
            return WholeAnswer(events, reply.collector(), ignored=request.ignored, checks=checks, error=exchange.error)
        pace = Pace(config.head_timeout_s, config.heartbeat_s)
        return StreamedAnswer(
            events, reply.encoder(), dialect.content_type, pace=pace, ignored=request.ignored, error=exchange.error
        )

    for path in dialect.paths:
        documentation = _DOCUMENTATION.get(path, {"include_in_schema": False})
        router.add_api_route(path, answer, methods=["POST"], **documentation)
    return router


async def _replay(events: Iterable[Event]) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event
