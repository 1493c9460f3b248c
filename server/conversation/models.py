"""Models that Claude Code offers."""

from dataclasses import dataclass

from server.conversation.request import ALIAS_PREFIX


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that this account may use. `id` is what to ask for, `resolved` the id it stands for today.

    `context_length` and `max_output_tokens` are None where nobody says. `efforts` is empty where it has none.
    """

    id: str
    resolved: str
    name: str
    description: str = ""
    efforts: tuple[str, ...] = ()
    context_length: int | None = None
    max_output_tokens: int | None = None

    @property
    def alias(self) -> str | None:
        """A name that no client takes for one of its own, as in `cc:opus`; None where there is only a full id."""
        return None if self.id.lower().startswith("claude-") else f"{ALIAS_PREFIX}{self.id}"


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What an answer told of its model, in tokens: it is not in the list of models."""

    model: str
    context_length: int
    max_output_tokens: int
