"""A conversation as each dialect's body."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from server.conversation.request import ModelRequest
from tests.server.dialects.bodies import Body


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. `bodies` and `ignored` (the fields reported as without effect) are keyed by dialect."""

    expected: ModelRequest
    bodies: Mapping[str, Body]
    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expected_in(self, dialect: str) -> ModelRequest:
        """The request that `dialect` must parse its body into."""
        return replace(self.expected, ignored=self.ignored.get(dialect, ()))
