"""POST /v1/chat/completions: OpenAI's chat, streamed and whole."""

import secrets
import time
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from server.answering.choices import choices
from server.openai.reply import ChatFold, ChatStream
from server.openai.request import parse_chat, reply_form, turn_from_chat
from server.web.delivery import Pace, StreamedAnswer, WholeAnswer
from server.web.edge import json_body
from server.web.examples import CHAT_EXTRA, CHAT_RESPONSES
from server.web.policy import visit_of
from server.web.ports import Services


def chat_router(services: Services, *, clock: Callable[[], float] = time.time) -> APIRouter:
    """The chat routes over `services`."""
    router = APIRouter(tags=["Chat"])

    @router.post("/v1/chat/completions", openapi_extra=CHAT_EXTRA, responses=CHAT_RESPONSES)
    async def create_chat_completion(request: Request) -> Response:
        """Answers a conversation. With `stream: true` the answer comes as server-sent events."""
        owner = visit_of(request).owner
        chat = parse_chat(await json_body(request))
        config = services.config
        turn = turn_from_chat(chat, owner=owner, forwards_sampling=config.forward_sampling, thoughts=config.reasoning)
        form = reply_form(chat, turn, thoughts=config.reasoning)
        name, created = f"chatcmpl-{secrets.token_hex(12)}", int(clock())
        model = turn.model or config.model
        events = choices(turn, services.stream)
        if not chat.stream:
            fold = ChatFold(id=name, created=created, model=model, form=form)
            return WholeAnswer(events, fold, ignored=turn.ignored)
        reply = ChatStream(id=name, created=created, model=model, form=form)
        pace = Pace(config.head_timeout_s, config.heartbeat_s)
        return StreamedAnswer(events, reply.chunks, pace=pace, ignored=turn.ignored)

    return router
