"""What the Responses API needs of the store of responses, for requests that refer to them by an id."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Item = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response. `input` are all items before its output, also those of the responses that it continues."""

    id: str
    body: Mapping[str, object]
    input: tuple[Item, ...]
    output: tuple[Item, ...]


class ResponseStore(Protocol):
    """Responses and their items by owner and id. No owner sees what another one stored. No method waits for a disk."""

    def put(self, owner: str, response: StoredResponse, *, is_asked_for: bool) -> None:
        """Stores the response and its items. `is_asked_for`: its request has `store: true`, not only by default."""

    def get(self, owner: str, id_: str) -> StoredResponse | None:
        """Returns the response; None if it is unknown or was dropped."""

    def item(self, owner: str, id_: str) -> Item | None:
        """Returns an item of a stored response."""


class NoStore:
    """Stores nothing."""

    def put(self, owner: str, response: StoredResponse, *, is_asked_for: bool) -> None:
        """Does nothing."""

    def get(self, owner: str, id_: str) -> StoredResponse | None:  # noqa: ARG002
        """Returns None."""
        return None

    def item(self, owner: str, id_: str) -> Item | None:  # noqa: ARG002
        """Returns None."""
        return None
