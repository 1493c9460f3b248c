"""Routes that estimate the input tokens of a request, of the Messages API and of the Responses API."""

from fastapi import APIRouter, Request, Response

from server.dialects.base import ParseOptions
from server.dialects.common.content.token_count import estimated_tokens
from server.dialects.common.response_store import ResponseStore
from server.dialects.common.sealed import Seal
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.responses.compaction import ends_with_trigger
from server.dialects.responses.reading import read_request
from server.errors import InvalidRequest
from server.offload import offload
from server.sessions.responses import StoredResponses
from server.web.access.policy import Access, access_of
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.openapi.messages import COUNT_EXTRA, COUNT_RESPONSES
from server.web.openapi.responses import INPUT_TOKENS_OPERATION
from server.web.replies import JsonReply

# Only Claude's API could count exactly, and Claude Code cannot ask it.
_HEADERS = {"x-drawbridge-count": "estimate"}


def count_router(engine: Engine, *, seal: Seal, responses: StoredResponses) -> APIRouter:
    """The routes that count tokens. `seal` and `responses` have what a request of the Responses API refers to."""
    router = APIRouter()

    @router.post(
        "/v1/messages/count_tokens",
        tags=["Messages"],
        summary="Estimate the input tokens of a message",
        openapi_extra=COUNT_EXTRA,
        responses=COUNT_RESPONSES,
    )
    async def count_tokens(http: Request) -> Response:
        """Estimates the input tokens: only Claude's API could count them exactly, and Claude Code cannot ask it."""
        count = await offload(_in_messages, await json_body(http), access_of(http).owner)
        return JsonReply({"input_tokens": count}, headers=_HEADERS)

    @router.post("/v1/responses/input_tokens", **INPUT_TOKENS_OPERATION)
    async def input_tokens(http: Request) -> Response:
        """Estimates the input tokens, also of the stored items that the request refers to."""
        access, body = access_of(http), await json_body(http)
        count = await offload(_in_items, body, access, await responses.read_for(access.owner, body))
        return JsonReply({"object": "response.input_tokens", "input_tokens": count}, headers=_HEADERS)

    def _in_messages(body: object, owner: str) -> int:
        messages = parse_messages(body)
        return estimated_tokens(
            request_from_messages(messages, owner=owner, forwards_sampling=engine.config.forward_sampling)
        )

    def _in_items(body: object, access: Access, store: ResponseStore) -> int:
        if not isinstance(body, dict):
            raise InvalidRequest("The request body must be a JSON object.")
        options = ParseOptions(engine.config, token="", now=0, seal=seal.of(access.sealed_for), store=store)
        return estimated_tokens(read_request(body, access.owner, options, compacts=ends_with_trigger(body)).request)

    return router
