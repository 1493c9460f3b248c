"""GET /v1/models and /v1/models/{id}: the models of this account."""

from fastapi import APIRouter, Response

from server.answering.model_routing import card_for
from server.dialects.chat_completions.models import models_page, row_named
from server.web.interfaces import Engine
from server.web.openapi.examples import MODEL_RESPONSES, MODELS_RESPONSES
from server.web.replies import JsonReply


def models_router(engine: Engine, *, created: int) -> APIRouter:
    """The model routes. `created` is the Unix time in each row, since the true one is not published."""
    router = APIRouter(tags=["Models"])

    @router.get("/v1/models", summary="List the models", responses=MODELS_RESPONSES)
    async def list_models() -> Response:
        """Lists the models of the account by the names to request them with."""
        return JsonReply(models_page(await engine.models(), created=created))

    @router.get("/v1/models/{model:path}", summary="Describe a model", responses=MODEL_RESPONSES)
    async def retrieve_model(model: str) -> Response:
        """Describes the model that answers requests for this name."""
        cards = await engine.models()
        answering = card_for(model, engine.config, tuple(cards))
        return JsonReply(row_named(model, cards, created=created, answering=answering))

    return router
