"""POST /v1/messages/count_tokens: an estimate of the input tokens of a request of the Messages API."""

from fastapi import APIRouter, Request, Response

from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.messages.token_count import estimated_tokens
from server.offload import offload
from server.web.access.policy import access_of
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.openapi.messages import COUNT_EXTRA, COUNT_RESPONSES
from server.web.replies import JsonReply

COUNT_HEADER = "x-drawbridge-count"


def count_router(engine: Engine) -> APIRouter:
    """The route that counts tokens."""
    router = APIRouter(tags=["Messages"])

    @router.post(
        "/v1/messages/count_tokens",
        summary="Estimate the input tokens of a message",
        openapi_extra=COUNT_EXTRA,
        responses=COUNT_RESPONSES,
    )
    async def count_tokens(http: Request) -> Response:
        """Estimates the input tokens: only Claude's API could count them exactly, and Claude Code cannot ask it."""
        body = await json_body(http)
        count = await offload(_count, body, access_of(http).owner)
        return JsonReply({"input_tokens": count}, headers={COUNT_HEADER: "estimate"})

    def _count(body: object, owner: str) -> int:
        messages = parse_messages(body)
        return estimated_tokens(
            request_from_messages(messages, owner=owner, forwards_sampling=engine.config.forward_sampling)
        )

    return router
