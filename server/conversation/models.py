"""A model that Claude Code offers, and its limits."""

from dataclasses import dataclass

from server.conversation.request import ALIAS_PREFIX


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model of this account: `id` is the name to request, `resolved` the id that it means now. None: unknown."""

    id: str
    resolved: str
    name: str
    description: str = ""
    efforts: tuple[str, ...] = ()
    context_length: int | None = None
    max_output_tokens: int | None = None

    @property
    def alias(self) -> str | None:
        """A name that no client takes for one of its own, as in `cc:opus`; None if `id` is a full id."""
        return None if self.id.lower().startswith("claude-") else f"{ALIAS_PREFIX}{self.id}"


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """A model's limits in tokens, as an answer reports them; the model list lacks them."""

    model: str
    context_length: int
    max_output_tokens: int
