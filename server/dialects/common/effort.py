"""Reads the effort of the reasoning, and whether Claude may think, from the fields of many APIs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from server.dialects.common.lenient import number_in
from server.dialects.common.wire_types import WireModel

EFFORTS: Mapping[str, str] = MappingProxyType(
    {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)
"""OpenAI's reasoning efforts, with Claude's for each."""
_OTHER_WORDS = MappingProxyType(
    {"off": "none", "disabled": "none", "disable": "none", "false": "none", "no": "none", "0": "none"}
    | {"min": "minimal", "med": "medium", "normal": "medium", "extrahigh": "xhigh", "veryhigh": "xhigh"}
    | {"maximum": "max", "maximal": "max"}
)
_NOT_GIVEN = frozenset({"", "auto", "default", "null", "unset", "undefined"})
_ON = frozenset({"enabled", "adaptive", "on", "true", "yes", "1"})
_BUDGETS = ("budget_tokens", "max_tokens", "budget", "thinking_budget")


class ThinkingFields(WireModel):
    """The fields by which different APIs choose the effort or switch thinking off; any JSON is accepted."""

    reasoning_effort: Annotated[object, Field(description=f"One of {', '.join(EFFORTS)}.")] = None
    reasoning: Annotated[object, Field(description="An object with effort, summary, enabled or max_tokens.")] = None
    thinking: Annotated[object, Field(description="{'type': 'disabled'} switches thinking off.")] = None
    enable_thinking: Annotated[object, Field(description="false switches thinking off.")] = None
    think: Annotated[object, Field(description="false switches thinking off; an effort is accepted, too.")] = None
    thinking_budget: Annotated[object, Field(description="0 switches thinking off.")] = None
    chat_template_kwargs: Annotated[object, Field(description="enable_thinking: false switches thinking off.")] = None


@dataclass(frozen=True, slots=True)
class Effort:
    """Claude's effort (None: as the model's name says), whether Claude may think, and the fields without effect."""

    level: str | None = None
    thinks: bool = True
    ignored: tuple[str, ...] = ()


def effort_in(fields: ThinkingFields, *first: tuple[str, object]) -> Effort:
    """Returns the effort that the first known word in `first` or `fields` names.

    Words like "auto" count as not given. Unknown words, words that contradict the first one, and budgets of thinking
    tokens are ignored. A field that says "off" stops the thinking, and alone is the effort "none".
    """
    chosen = ""
    thinks = True
    ignored: list[str] = []
    for place, value in (*first, *_wishes(fields)):
        word = _word(value)
        if word == "none" and (place, value) not in first and not isinstance(value, str):
            thinks = False
        elif word is None or (word and chosen and word != chosen):
            ignored.append(place)
        else:
            chosen = chosen or word
    ignored += _budgets(fields)
    chosen = chosen or ("" if thinks else "none")
    return Effort(EFFORTS.get(chosen), thinks and chosen != "none", tuple(dict.fromkeys(ignored)))


def wants_summary(fields: ThinkingFields) -> bool:
    """Whether `reasoning.summary` asks for a summary of the thinking."""
    summary = _get(fields.reasoning, "summary")
    return summary is True or (isinstance(summary, str) and summary not in {"", "none"})


def wants_thinking(fields: ThinkingFields) -> bool:
    """Whether `thinking`, as Anthropic's Messages API writes it, asks to see the thinking."""
    return _get(fields.thinking, "type") in ("enabled", "adaptive")


def wants_thinking_text(fields: ThinkingFields) -> bool:
    """Whether `thinking` asks for the text of the thinking, too, and not for its signature alone."""
    return wants_thinking(fields) and _get(fields.thinking, "display") != "omitted"


def _wishes(fields: ThinkingFields) -> Iterator[tuple[str, object]]:
    """Yields the values that may name an effort, the strongest first; False for those that say "off"."""
    yield "reasoning_effort", fields.reasoning_effort
    reasoning = fields.reasoning
    if isinstance(reasoning, Mapping):
        yield "reasoning.effort", "none" if _is_off(reasoning) else reasoning.get("effort")
    else:
        yield "reasoning", reasoning
    extra = fields.chat_template_kwargs
    yield "chat_template_kwargs.reasoning_effort", _get(extra, "reasoning_effort")
    for place, value in (
        ("thinking", fields.thinking),
        ("enable_thinking", fields.enable_thinking),
        ("think", fields.think),
        ("chat_template_kwargs.enable_thinking", _get(extra, "enable_thinking")),
        ("chat_template_kwargs.thinking", _get(extra, "thinking")),
    ):
        if isinstance(value, Mapping):
            yield place, False if _is_off(value) else value.get("effort")
        else:
            yield place, value
    if number_in(fields.thinking_budget) == 0:
        yield "thinking_budget", False


def _word(value: object) -> str | None:
    """Returns OpenAI's word for an effort; "" for "not given" and "on", None for what is neither."""
    if value is None or value is True or (number_in(value) or 0) < 0:
        return ""
    if value is False or number_in(value) == 0:
        return "none"
    if not isinstance(value, str):
        return None
    word = value.strip().lower().replace("-", "").replace("_", "").replace(" ", "")
    if word in _NOT_GIVEN or word in _ON:
        return ""
    word = _OTHER_WORDS.get(word, word)
    return word if word in EFFORTS else None


def _is_off(options: Mapping[object, object]) -> bool:
    """Whether an object like `{"type": "disabled"}`, `{"enabled": false}` or `{"max_tokens": 0}` says "off"."""
    switches = (options.get(name) for name in ("type", "enabled", "enable_thinking"))
    has_no_budget = any(number_in(options.get(name)) == 0 for name in _BUDGETS)
    return has_no_budget or any(_word(value) == "none" for value in switches if value is not None)


def _budgets(fields: ThinkingFields) -> Iterable[str]:
    for place, value in (("reasoning", fields.reasoning), ("thinking", fields.thinking)):
        for name in _BUDGETS:
            if (number_in(_get(value, name)) or 0) > 0:
                yield f"{place}.{name}"
    if (number_in(fields.thinking_budget) or 0) > 0:
        yield "thinking_budget"


def _get(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None
