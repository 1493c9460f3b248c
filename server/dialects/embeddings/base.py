"""The interface of a form of requests for embeddings."""

from typing import Protocol

from server.conversation.embedding import EmbeddingRequest, Embeddings


class EmbeddingReply(Protocol):
    """How to reply to one parsed request."""

    def body(self, embeddings: Embeddings) -> dict[str, object]:
        """The response body."""


class EmbeddingForm(Protocol):
    """A form of requests for embeddings.

    `path` is the one that it answers with POST. `is_openai`: another endpoint takes and sends this form.
    """

    @property
    def path(self) -> str: ...  # noqa: D102 # see the class

    @property
    def is_openai(self) -> bool: ...  # noqa: D102

    def parse(self, body: object) -> tuple[EmbeddingRequest, EmbeddingReply]:
        """Parses the JSON `body` of a request. Raises `InvalidRequest`."""
