"""The routes of every dialect: parse the request, ask the engine, and reply streamed or whole."""

import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any  # FastAPI's OpenAPI arguments

from fastapi import APIRouter, Request, Response

from server.answering.background_requests import is_background_request
from server.answering.multiple_choices import choices
from server.answering.stop_sequences import cut_at_stops
from server.conversation.events import Event
from server.conversation.parts import Message
from server.conversation.request import ModelRequest
from server.dialects.base import Dialect, Exchange, ParseOptions
from server.dialects.common.answers.answer_check import AnswerChecks
from server.dialects.common.sealed import Seal
from server.dialects.common.wrapper_headers import SWITCH, with_tools_switch, with_wrapper_headers, wrapper_headers
from server.dialects.lmstudio import replies as lmstudio
from server.errors import InvalidRequest
from server.logs import request_id
from server.offload import offload
from server.sessions.responses import StoredResponses
from server.web.access.policy import Access, access_of
from server.web.agents import AgentRequests
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
from server.web.sessions import SessionRequests
from server.web.streaming.checked import checked
from server.web.streaming.responses import LateHeaders, Pace, StreamedAnswer, WholeAnswer, ignored_header

# With which OpenAI's and Anthropic's libraries count how often they have repeated a request.
_RETRIES = "x-stainless-retry-count"
# What /docs shows of a path; paths without an entry are not in the OpenAPI document.
_DOCUMENTATION: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "/v1/chat/completions": {
            "name": "create_chat_completion",
            "summary": "Answer a conversation",
            "tags": ["Chat"],
            "description": "Answers a conversation. With `stream: true` the answer comes as server-sent events. With"
            " `session_id` Drawbridge keeps the conversation, and the next request sends only what is new.",
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


@dataclass(frozen=True, slots=True)
class AnsweringParts:
    """What the routes of all dialects share. `running` has each request while it is answered.

    `admit` counts a request of an app's key, and raises `KeyLimited`.
    """

    engine: Engine
    clock: Callable[[], float]
    seal: Seal
    responses: StoredResponses
    running: RunningRequests
    sessions: SessionRequests
    admit: Callable[[Access], None]
    agents: AgentRequests

    async def options(self, http: Request, access: Access, body: object) -> ParseOptions:
        """What parsing needs besides the body, with the stored responses that the body refers to."""
        return ParseOptions(
            self.engine.config,
            token=secrets.token_hex(12),
            now=self.clock(),
            path_params=http.path_params,
            headers=http.headers,
            request_id=request_id.get(),
            seal=self.seal.of(access.sealed_for),
            store=await self.responses.read_for(access.owner, body),
        )


def dialect_router(dialect: Dialect, parts: AnsweringParts) -> APIRouter:
    """The routes of `dialect`."""
    router = APIRouter()
    engine, sessions = parts.engine, parts.sessions

    async def answer(http: Request) -> Response:
        config, access = engine.config, access_of(http)
        body = await json_body(http)
        entry = entry_of(http.scope)
        entry.sees(body, dialect=dialect.name)
        parts.admit(access)
        name, body = sessions.name_in(dialect.name, body, http.headers)
        unused = sessions.without_effect(dialect.name, http.headers)
        options = await parts.options(http, access, body)
        entry.known_as(f"chatcmpl-{options.token}", *([name] if name else []))
        work, body = await parts.agents.work_in(body, access, request_id=options.request_id)
        exchange = await offload(_parsed, dialect, body, access.owner, options)
        work = None if work is None else replace(work, session=name or "")

        def prepared(one: ModelRequest) -> ModelRequest:
            # A client's titles and tags are no work for an agent.
            own = None if is_background_request(one) else work
            ignored = (*one.ignored, *unused, *parts.agents.without_effect(own))
            one = replace(one, allowed_models=access.models, work=own, ignored=ignored)
            switch = body.get(SWITCH) if isinstance(body, dict) else None
            return with_wrapper_headers(with_tools_switch(one, switch), wrapper_headers(http.headers.items()))

        requests = [prepared(one) for one in (exchange.request, *exchange.others)]
        request, reply = requests[0], exchange.reply
        entry.ignores(request.ignored)
        late: LateHeaders = partial(ignored_header, request.ignored)
        if str(http.scope.get(AS_SENT, "")).startswith(lmstudio.PREFIX):
            reply = lmstudio.ReplyWithStats(reply, await engine.models())
        if exchange.known:
            events = _replay(exchange.known)
        elif name is not None and not is_background_request(request):

            def parse_after(before: tuple[Message, ...]) -> ModelRequest:
                return prepared(_parsed(dialect, body, access.owner, replace(options, before=before)).request)

            answer_in_session = sessions.answer(
                *(access.owner, name, request, parse_after),
                ask=lambda one: cut_at_stops(engine.stream(one), one.cut_at),
                is_retry=http.headers.get(_RETRIES, "0") != "0",
            )
            events, late = answer_in_session.events(), answer_in_session.headers
        else:
            events = choices(requests, lambda one: cut_at_stops(engine.stream(one), one.cut_at))
        events = parts.running.watched(entry, access.owner, events)
        checks = AnswerChecks(request.answer, request.choices) if request.answer else None
        events = checked(events, checks) if checks else events
        if not exchange.is_streamed:
            return WholeAnswer(events, reply.collector(), checks=checks, error=exchange.error, late=late)
        pace = Pace(config.head_timeout_s, config.heartbeat_s)
        return StreamedAnswer(events, reply.encoder(), dialect.content_type, pace=pace, error=exchange.error, late=late)

    for path in dialect.paths:
        documentation = _DOCUMENTATION.get(path, {"include_in_schema": False})
        router.add_api_route(path, answer, methods=["POST"], **documentation)
    return router


def _parsed(dialect: Dialect, body: object, owner: str, options: ParseOptions) -> Exchange:
    try:
        return dialect.parse(body, owner, options)
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error


async def _replay(events: Iterable[Event]) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event
