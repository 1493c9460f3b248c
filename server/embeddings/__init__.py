"""Embeddings: by a local model in a thread of its own, or by another endpoint that the settings name."""

from collections.abc import Callable

from server.config import Config
from server.conversation.embedding import LOCAL_MODEL, EmbeddingRequest, Embeddings
from server.embeddings.endpoint import Endpoint, PassedBack
from server.embeddings.install import is_installed
from server.embeddings.local import LocalEmbedder
from server.embeddings.model import LocalModel, load_model


class Embedder:
    """Embeds texts as the settings say. `read_key` reads the stored key of another endpoint; it may block."""

    def __init__(
        self,
        config: Callable[[], Config],
        read_key: Callable[[], str | None],
        *,
        load: Callable[[], LocalModel] = load_model,
    ) -> None:
        self._config = config
        self._local = LocalEmbedder(idle_s=lambda: config().idle_shrink_s, load=load)
        self._endpoint = Endpoint(config, read_key)

    @property
    def model(self) -> str | None:
        """The model that embeds, by its name for clients; None if there is none, or its name is not known."""
        config = self._config()
        if config.embeddings_url:
            return config.embeddings_model
        return LOCAL_MODEL if is_installed() else None

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embeds with the local model; see `LocalEmbedder.embed`."""
        return await self._local.embed(request)

    async def pass_on(self, body: bytes, *, is_passed_on: bool) -> PassedBack:
        """Passes a request on to the other endpoint; see `Endpoint.pass_on`."""
        return await self._endpoint.pass_on(body, is_passed_on=is_passed_on)

    def close(self) -> None:
        """Ends the thread of the local model."""
        self._local.close()
