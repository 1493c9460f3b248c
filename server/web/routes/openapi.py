"""/openapi.json, the description of this API from which /docs and client generators work."""

from functools import cache
from typing import Any  # the OpenAPI document is JSON

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from server.web.access.policy import access_of, is_open_to_read
from server.web.openapi.aliases import alias_paths
from server.web.openapi.error_examples import ERROR_SCHEMA
from server.web.openapi.request_schemas import request_schemas

_KEY_HEADERS: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
}

Document = dict[str, Any]


def openapi_router(app: FastAPI) -> APIRouter:
    """The description of the routes of `app`.

    It names the access key only for readers who need it, on the operations that need it: /docs shows a lock there.
    The same server may need it of other devices and not of this computer.
    """
    router = APIRouter(include_in_schema=False)

    @cache
    def document() -> Document:
        return _completed(app.openapi())

    @router.get("/openapi.json")
    async def openapi(request: Request) -> JSONResponse:
        access = access_of(request)
        needs_key = access.policy.key is not None or not access.is_trusted
        return JSONResponse(_with_key(document()) if needs_key else document())

    return router


def _completed(document: Document) -> Document:
    """With our errors instead of FastAPI's 422, and with the paths that other servers have for the same endpoints."""
    components = document.setdefault("components", {})
    components["schemas"] = {**request_schemas(), "Error": ERROR_SCHEMA}
    for operation in (entry for path in document["paths"].values() for entry in path.values()):
        operation["responses"].pop("422", None)
    document["paths"].update(alias_paths(document["paths"]))
    return document


def _with_key(document: Document) -> Document:
    """With the three headers for the key, any of which every operation needs that is not open to read."""
    needed: list[dict[str, list[str]]] = [{name: []} for name in _KEY_HEADERS]
    paths = {
        path: {
            method: {**operation, "security": [] if method == "get" and is_open_to_read(path) else needed}
            for method, operation in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    return {**document, "paths": paths, "components": {**document["components"], "securitySchemes": _KEY_HEADERS}}
