"""Ollama's endpoints beside its chat: the version, the models, and those that need models on this computer."""

from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from server.conversation.embedding import EmbeddingCard
from server.conversation.models import ModelCard
from server.dialects.framing import NDJSON_TYPE, ndjson_line
from server.dialects.ollama import models
from server.dialects.ollama.request import model_named
from server.errors import InvalidRequest, ModelUnknown, NotBuilt
from server.web.access.policy import access_of
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.model_names import answering_card, embedding_model, models_for
from server.web.openapi.ollama import NAMES_A_MODEL, PULL, RUNNING, SHOW, TAGS, VERSION
from server.web.replies import JsonReply

# How long a model is reported to stay in memory.
_STAY_S = 86_400.0
_MAX_ECHO = 100
_METHODS = ["GET", "POST", "PUT", "DELETE"]
_LOCAL_ONLY = ("create", "copy", "push", "delete", "blobs/{digest:path}", "me", "signout", "signin")


def ollama_router(engine: Engine, *, created: float, clock: Callable[[], float]) -> APIRouter:
    """The routes. `created` is the Unix time in each row, since the true one is not published."""
    router = APIRouter(tags=["Ollama"])

    @router.get("/api/version", summary="Show a version of Ollama with these endpoints", responses=VERSION)
    async def version() -> Response:
        """Clients compare it with the first version that has what they need."""
        return JsonReply({"version": models.VERSION})

    @router.get("/api/tags", summary="List the models, as Ollama does", responses=TAGS)
    async def tags(request: Request) -> Response:
        """Lists the models of the account by their plain names."""
        embeds = embedding_model(engine, None, access_of(request).models)
        return JsonReply(models.tags(await models_for(request, engine), created=created, embeds=embeds))

    @router.get("/api/ps", summary="List the models in memory, as Ollama does", responses=RUNNING)
    async def running(request: Request) -> Response:
        """Lists all models: each of them answers without loading."""
        cards = await models_for(request, engine)
        return JsonReply(models.running(cards, created=created, until=clock() + _STAY_S))

    @router.post("/api/show", summary="Describe a model, as Ollama does", responses=SHOW, openapi_extra=NAMES_A_MODEL)
    async def show(request: Request) -> Response:
        """Describes the model that answers requests for this name: its capabilities and context length."""
        _, card = await _model_in(request, engine)
        if isinstance(card, EmbeddingCard):
            return JsonReply(models.embedding_description(card, created=created))
        return JsonReply(models.description(card, created=created))

    @router.post(
        "/api/pull", summary="Accept a model's name, as Ollama does", responses=PULL, openapi_extra=NAMES_A_MODEL
    )
    async def pull(request: Request) -> Response:
        """Some clients pull each model before they use it. There is nothing to download, so it succeeds at once."""
        body, _ = await _model_in(request, engine)
        if body.get("stream") is False:
            return JsonReply({"status": "success"})
        lines = b"".join(ndjson_line({"status": status}) for status in ("pulling manifest", "success"))
        return Response(lines, media_type=NDJSON_TYPE, headers={"cache-control": "no-store"})

    for name in _LOCAL_ONLY:
        router.add_api_route(f"/api/{name}", _refuse, methods=_METHODS, include_in_schema=False)
    return router


async def _refuse() -> Response:
    raise NotBuilt("Drawbridge answers with Claude; models are not kept here.", hint="/api/tags lists the models.")


async def _model_in(request: Request, engine: Engine) -> tuple[dict[str, object], ModelCard | EmbeddingCard]:
    """Returns the body, and the model that it names. Raises `ModelUnknown` with Ollama's text."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    name = body.get("model") or body.get("name")
    if not isinstance(name, str):
        raise InvalidRequest("model is required.", param="model")
    if (embeds := embedding_model(engine, model_named(name), access_of(request).models)) is not None:
        return body, embeds
    # Chat answers any name with the default model, but here clients find out whether it exists.
    config = replace(engine.config, strict_models=True)
    try:
        return body, await answering_card(model_named(name), request, engine, config)
    except ModelUnknown as error:
        raise ModelUnknown(f"model {name[:_MAX_ECHO]!r} not found") from error
