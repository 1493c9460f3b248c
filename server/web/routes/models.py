"""The models of this account, in the forms of OpenAI, Anthropic and LM Studio."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from server.conversation.embedding import EmbeddingCard
from server.dialects.chat_completions.models import capabilities_page, embedding_row, models_page, row_named
from server.dialects.lmstudio import models as lmstudio
from server.dialects.messages.dialect import VERSION_HEADER
from server.dialects.messages.models import anthropic_page, anthropic_row
from server.dialects.registry import DIALECTS
from server.errors import InvalidRequest
from server.web.access.policy import access_of
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.model_names import answering_card, embedding_model, models_for
from server.web.openapi.examples import CAPABILITIES, MODEL_RESPONSES, MODELS_RESPONSES
from server.web.openapi.lmstudio import LMSTUDIO_MODEL, LMSTUDIO_MODELS
from server.web.path_aliases import AS_SENT
from server.web.replies import JsonReply

ModelName = Annotated[str, Path(examples=["sonnet"])]
# Cursor's words for the dialects.
_API_TYPES: Mapping[str, str] = {
    "chat_completions": "chat_completions",
    "responses": "responses",
    "messages": "anthropic_messages",
}


def models_router(engine: Engine, *, created: int) -> APIRouter:
    """The model routes. `created` is the Unix time in each row, since the true one is not published."""
    router = APIRouter(tags=["Models"])
    api_types = [_API_TYPES[dialect.name] for dialect in DIALECTS if dialect.name in _API_TYPES]

    def embeds_for(request: Request, name: str | None = None) -> EmbeddingCard | None:
        return embedding_model(engine, name, access_of(request).models)

    @router.get("/v1/models", summary="List the models", responses=MODELS_RESPONSES)
    async def list_models(request: Request) -> Response:
        """Lists the models of the account by the names to request them with.

        With the header `anthropic-version` the list has Anthropic's form, and full ids only.
        """
        cards, embeds = await models_for(request, engine), embeds_for(request)
        if VERSION_HEADER in request.headers:
            return JsonReply(anthropic_page(cards, request.query_params))
        page = models_page(cards, created=created, api_types=api_types, embeds=embeds)
        # OpenAI's clients ignore the second list, LM Studio's the first.
        is_lmstudios = str(request.scope.get(AS_SENT, "")).startswith("/api/v1")
        return JsonReply({**page, "models": lmstudio.models_v1(cards, embeds)} if is_lmstudios else page)

    @router.get("/v1/models/capabilities", summary="List what the models can do", responses=CAPABILITIES)
    async def capabilities(request: Request) -> Response:
        """Lists the models with their limits and abilities, under the names of claude-code-api."""
        return JsonReply(capabilities_page(await models_for(request, engine)))

    @router.get("/v1/models/{model:path}", summary="Describe a model", responses=MODEL_RESPONSES)
    async def retrieve_model(model: ModelName, request: Request) -> Response:
        """Describes the model that answers requests for this name."""
        if (embeds := embeds_for(request, model)) is not None:
            return JsonReply(embedding_row(embeds, created=created))
        cards = await models_for(request, engine)
        answering = await answering_card(model, request, engine)
        if VERSION_HEADER in request.headers:
            return JsonReply(anthropic_row(model, cards, answering))
        return JsonReply(row_named(model, cards, created=created, answering=answering, api_types=api_types))

    return router


def lmstudio_router(engine: Engine) -> APIRouter:
    """LM Studio's model routes that no other API has. Its chat and completions are OpenAI's."""
    router = APIRouter(tags=["LM Studio"])

    @router.get("/api/v0/models", summary="List the models, as LM Studio does", responses=LMSTUDIO_MODELS)
    async def list_models(request: Request) -> Response:
        """Lists the models of the account by their plain names."""
        embeds = embedding_model(engine, None, access_of(request).models)
        return JsonReply(lmstudio.models_v0(await models_for(request, engine), embeds))

    @router.get("/api/v0/models/{model:path}", summary="Describe a model, as LM Studio does", responses=LMSTUDIO_MODEL)
    async def retrieve_model(model: ModelName, request: Request) -> Response:
        """Describes the model that answers requests for this name."""
        if (embeds := embedding_model(engine, model, access_of(request).models)) is not None:
            return JsonReply(lmstudio.embedding_row_v0(embeds))
        return JsonReply(lmstudio.row_v0(await answering_card(model, request, engine), model))

    @router.post("/v1/models/load", include_in_schema=False)
    async def load(request: Request) -> Response:
        name = await _model_in(request, "model")
        return JsonReply(lmstudio.loaded(name, embeds=embedding_model(engine, name) is not None))

    @router.post("/v1/models/unload", include_in_schema=False)
    async def unload(request: Request) -> Response:
        return JsonReply(lmstudio.unloaded(await _model_in(request, "instance_id")))

    async def _model_in(request: Request, field: str) -> str:
        """Returns the name in `field`. Raises `ModelUnknown` where names are strict."""
        body = await json_body(request)
        name = body.get(field) if isinstance(body, dict) else None
        if not isinstance(name, str):
            raise InvalidRequest(f"{field} must be the name of a model.", param=field)
        if embedding_model(engine, name, access_of(request).models) is None:
            await answering_card(name, request, engine)
        return name

    return router
