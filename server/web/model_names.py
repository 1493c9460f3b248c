"""The model for embeddings, by the names that clients give it in lists and requests."""

from server.conversation.embedding import OPENAI_NAMES, EmbeddingCard, endpoint_card, local_card
from server.web.interfaces import Engine


def embedding_model(engine: Engine, name: str | None = None) -> EmbeddingCard | None:
    """The model that embeds, with `name` one that clients call so. None if there is none, or another one is meant."""
    own = engine.embedder.model
    if own is None:
        return None
    if engine.config.embeddings_url:
        return endpoint_card(own) if name in {None, own} else None
    return local_card(name or own) if name in {None, own, *OPENAI_NAMES} else None
