"""The thinking and sampling fields of a request; Claude's API accepts sampling only without thinking."""

from server.claude.cli.models import generation_of
from server.conversation.request import ModelSettings

# Tokens: the smallest thinking budget that Claude's API takes.
LEAST_BUDGET = 1024
_OFF: dict[str, object] = {
    "thinking": {"type": "disabled"},
    # Claude Code's own edits of earlier thinking are refused without thinking.
    "context_management": {"edits": []},
}


def thinks_by_budget(model: str | None) -> bool:
    """Whether `model` has a fixed thinking budget in tokens, as before 4.6; later models decide themselves."""
    generation = generation_of(model)
    return generation is not None and (4, 0) <= generation < (4, 6)


def can_stop_thinking(model: str | None) -> bool:
    """Whether `model` is known to support answers without thinking; since 5.5 none does."""
    generation = generation_of(model)
    return generation is not None and (4, 0) <= generation < (5, 5)


def takes_sampling(model: str | None) -> bool:
    """Whether `model` is known to accept `temperature` and `top_p`; since 4.7 none does."""
    generation = generation_of(model)
    return generation is not None and generation < (4, 7)


def thinking_body(settings: ModelSettings, model: str | None) -> dict[str, object]:
    """The fields `thinking`, `temperature` and `top_p`, as far as the resolved `model` supports them."""
    sampling = _sampling(settings, model) if takes_sampling(model) else {}
    # A model that thinks cannot be forced to call: the API refuses the request, or the model answers with text.
    is_forced = settings.tool_choice.mode in {"any", "tool"}
    is_small = settings.max_tokens is not None and settings.max_tokens <= LEAST_BUDGET
    is_off = not settings.thinks or bool(sampling) or is_forced or (is_small and thinks_by_budget(model))
    if is_off and can_stop_thinking(model):
        return {**_OFF, **sampling}
    if settings.shows_thinking and (generation := generation_of(model)) is not None and generation >= (4, 6):
        # Models that decide themselves hide their thinking by default.
        return {"thinking": {"type": "adaptive", "display": "summarized"}}
    return sampling


def _sampling(settings: ModelSettings, model: str | None) -> dict[str, object]:
    generation = generation_of(model)
    if settings.temperature is None:
        return {} if settings.top_p is None else {"top_p": settings.top_p}
    # Since 4.5 only one of the two is accepted.
    both = settings.top_p is not None and generation is not None and generation < (4, 5)
    return {"temperature": settings.temperature, **({"top_p": settings.top_p} if both else {})}
