"""POST /v1/chat/completions: OpenAI's chat, streamed and whole."""

import secrets
import time
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from server.answering.multiple_choices import choices
from server.dialects.chat_completions.response import ChatFold
from server.dialects.chat_completions.stream import ChatStream
from server.dialects.chat_path import asked_on_chat_path
from server.web.access.policy import access_of
from server.web.interfaces import Engine
from server.web.openapi.chat_request import CHAT_EXTRA
from server.web.openapi.examples import CHAT_RESPONSES
from server.web.replies import json_body
from server.web.streaming.responses import Pace, StreamedAnswer, WholeAnswer


def chat_router(engine: Engine, *, clock: Callable[[], float] = time.time) -> APIRouter:
    """The chat routes over `engine`."""
    router = APIRouter(tags=["Chat"])

    @router.post("/v1/chat/completions", openapi_extra=CHAT_EXTRA, responses=CHAT_RESPONSES)
    async def create_chat_completion(request: Request) -> Response:
        """Answers a conversation. With `stream: true` the answer comes as server-sent events."""
        config = engine.config
        asked = asked_on_chat_path(await json_body(request), owner=access_of(request).owner, config=config)
        turn, form = asked.turn, asked.form
        name, created = f"chatcmpl-{secrets.token_hex(12)}", int(clock())
        model = turn.model or config.model
        events = choices(turn, engine.stream)
        if not asked.is_streamed:
            fold = ChatFold(id=name, created=created, model=model, form=form)
            return WholeAnswer(events, fold, ignored=turn.ignored)
        reply = ChatStream(id=name, created=created, model=model, form=form)
        pace = Pace(config.head_timeout_s, config.heartbeat_s)
        return StreamedAnswer(events, reply.chunks, pace=pace, ignored=turn.ignored)

    return router
