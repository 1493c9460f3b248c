"""A model that Claude Code offers, and its limits."""

from dataclasses import dataclass

from server.conversation.request import ALIAS_PREFIX

_CONTEXT, _LONG_CONTEXT, _OUTPUT = 200_000, 1_000_000, 32_000
# In the names of models with a longer context.
_LONG = "[1m]"


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

    @property
    def context_window(self) -> int:
        """The context length; what Claude's models have at least, until an answer has reported it."""
        is_long = _LONG in self.id or _LONG in self.resolved
        return self.context_length or (_LONG_CONTEXT if is_long else _CONTEXT)

    @property
    def output_limit(self) -> int:
        """The longest answer in tokens; what Claude's models can write at least, until an answer has reported it."""
        return self.max_output_tokens or _OUTPUT


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """A model's limits in tokens, as an answer reports them; the model list lacks them."""

    model: str
    context_length: int
    max_output_tokens: int
