"""Routes of stored responses: read, list the input, delete, cancel."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from server.dialects.common.response_store import Item, StoredResponse
from server.dialects.responses.stored_context import KEPT
from server.errors import InvalidRequest, NotFound
from server.sessions.responses import StoredResponses
from server.web.access.policy import access_of
from server.web.openapi.responses import DELETED, STORED, STORED_ID, STORED_ITEMS
from server.web.replies import JsonReply

_MOST, _USUAL = 100, 20
ResponseId = Annotated[str, Path(examples=[STORED_ID])]


def stored_responses_router(store: StoredResponses) -> APIRouter:
    """The routes over `store`. Each owner sees only its own responses."""
    router = APIRouter(prefix="/v1/responses/{response_id}", tags=["Responses"])

    async def found(http: Request, id_: str) -> StoredResponse:
        response = await store.get(access_of(http).owner, id_)
        if response is None:
            raise NotFound(
                f"There is no stored response '{id_[:100]}'.",
                hint=f"Responses are {KEPT}.",
            )
        return response

    @router.get("", summary="Read a stored response", responses=STORED)
    async def read(http: Request, response_id: ResponseId) -> Response:
        """Returns a response that was created with `store`. Only the access key that created it can read it."""
        response = await found(http, response_id)
        if http.query_params.get("stream", "").lower() in {"true", "1"}:
            raise InvalidRequest(
                "stream: only a response in the background can be streamed again, and Drawbridge has none.",
                param="stream",
            )
        return JsonReply(response.body)

    @router.delete("", summary="Delete a stored response", responses=DELETED)
    async def delete(http: Request, response_id: ResponseId) -> Response:
        """Deletes a stored response."""
        await found(http, response_id)
        await store.delete(access_of(http).owner, response_id)
        return JsonReply({"id": response_id, "object": "response", "deleted": True})

    @router.get("/input_items", summary="List the input of a stored response", responses=STORED_ITEMS)
    async def input_items(http: Request, response_id: ResponseId) -> Response:
        """Lists the items that the response answered. `order`, `after` and `limit` select a page."""
        query = http.query_params
        items = (await found(http, response_id)).input
        return JsonReply(_page(items, query.get("order"), query.get("after"), query.get("limit")))

    @router.post("/cancel", include_in_schema=False)
    async def cancel(http: Request, response_id: str) -> Response:
        await found(http, response_id)
        raise InvalidRequest(
            "Only a response in the background can be cancelled, and Drawbridge has none.",
            hint="Close the connection to cancel an answer.",
        )

    return router


def _page(items: tuple[Item, ...], order: str | None, after: str | None, limit: str | None) -> dict[str, object]:
    """A page of the items, the newest first unless `order` is "asc"."""
    if order not in (None, "", "asc", "desc"):
        raise InvalidRequest("order must be 'asc' or 'desc'.", param="order")
    if limit and not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= _MOST):
        raise InvalidRequest(f"limit must be an integer from 1 to {_MOST}.", param="limit")
    ordered = list(items) if order == "asc" else list(reversed(items))
    if after:
        ids = [item["id"] for item in ordered]
        if after not in ids:
            raise InvalidRequest(f"after: there is no item '{after[:100]}'.", param="after")
        ordered = ordered[ids.index(after) + 1 :]
    page = ordered[: int(limit) if limit else _USUAL]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(ordered),
    }
