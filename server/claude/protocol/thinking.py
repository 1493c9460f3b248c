"""Whether a request is answered with thinking, whether that is shown, and the sampling that goes only without it."""

from server.claude.cli.models import generation_of
from server.conversation.request import ModelSettings

# Tokens: the smallest thinking budget that Claude's API takes.
LEAST_BUDGET = 1024
_OFF: dict[str, object] = {
    "thinking": {"type": "disabled"},
    # What Claude Code would have done with the thoughts of earlier turns is refused without thinking.
    "context_management": {"edits": []},
}


def thinks_by_budget(model: str | None) -> bool:
    """Whether `model` thinks within a fixed budget of tokens, as those before 4.6 do; later ones decide themselves."""
    generation = generation_of(model)
    return generation is not None and (4, 0) <= generation < (4, 6)


def can_stop_thinking(model: str | None) -> bool:
    """Whether `model` is known to answer without thinking too; since 5.5 none does."""
    generation = generation_of(model)
    return generation is not None and (4, 0) <= generation < (5, 5)


def takes_sampling(model: str | None) -> bool:
    """Whether `model` is known to take `temperature` and `top_p`; since 4.7 none does."""
    generation = generation_of(model)
    return generation is not None and generation < (4, 7)


def thinking_body(settings: ModelSettings, model: str | None) -> dict[str, object]:
    """What the request says of thinking and of sampling; nothing where it is Claude Code's own business.

    `model` is the one that these settings stand for. What it cannot do is left out.
    """
    sampling = _sampling(settings, model) if takes_sampling(model) else {}
    # A call cannot be forced from a model that thinks first: the API refuses it, or answers with words.
    is_forced = settings.tool_choice.mode in {"any", "tool"}
    is_small = settings.max_tokens is not None and settings.max_tokens <= LEAST_BUDGET
    is_off = not settings.thinks or bool(sampling) or is_forced or (is_small and thinks_by_budget(model))
    if is_off and can_stop_thinking(model):
        return {**_OFF, **sampling}
    if settings.shows_thinking and (generation := generation_of(model)) is not None and generation >= (4, 6):
        # Those that decide themselves keep it to themselves unless they are asked.
        return {"thinking": {"type": "adaptive", "display": "summarized"}}
    return sampling


def _sampling(settings: ModelSettings, model: str | None) -> dict[str, object]:
    generation = generation_of(model)
    if settings.temperature is None:
        return {} if settings.top_p is None else {"top_p": settings.top_p}
    # Since 4.5 it is one or the other.
    both = settings.top_p is not None and generation is not None and generation < (4, 5)
    return {"temperature": settings.temperature, **({"top_p": settings.top_p} if both else {})}
