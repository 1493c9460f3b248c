"""The models that a request may use, by the names that clients give them in lists and requests."""

from collections.abc import Iterable, Sequence

from fastapi import Request

from server.answering.model_routing import card_for, model_denied
from server.config import Config
from server.conversation.embedding import OPENAI_NAMES, EmbeddingCard, endpoint_card, local_card
from server.conversation.models import ModelCard, allowed_cards, is_allowed
from server.web.access.policy import access_of
from server.web.interfaces import Engine


async def models_for(request: Request, engine: Engine) -> tuple[ModelCard, ...]:
    """The models of this account that the request's key allows."""
    return allowed_cards(await engine.models(), access_of(request).models)


async def answering_card(name: str, request: Request, engine: Engine, config: Config | None = None) -> ModelCard:
    """The card of the model that answers requests for `name`. Raises `ModelUnknown`, or `ModelDenied`."""
    cards, allowed = tuple(await engine.models()), access_of(request).models
    card = card_for(name, config or engine.config, cards)
    if not is_allowed(card.id, allowed, cards):
        raise model_denied(name, allowed)
    return card


def embedding_model(engine: Engine, name: str | None = None, allowed: Sequence[str] = ()) -> EmbeddingCard | None:
    """The model that embeds, with `name` one that clients call so. None if there is none, or another one is meant.

    `allowed`: the models that the request's key allows.
    """
    own = engine.embedder.model
    if own is None or not may_embed({own, name or own}, allowed):
        return None
    if engine.config.embeddings_url:
        return endpoint_card(own) if name in {None, own} else None
    return local_card(name or own) if name in {None, own, *OPENAI_NAMES} else None


def may_embed(names: Iterable[str], allowed: Sequence[str]) -> bool:
    """Whether a model for embeddings with these names is among the `allowed` ones."""
    return any(is_allowed(name, allowed, ()) for name in names)
