"""How an answer is to be told: what the request asked for, and the settings say."""

from dataclasses import dataclass
from typing import Literal, assert_never

from server.conversation.events import StopReason, Usage

ReasoningDisplay = Literal["hidden", "field", "tags"]
"""The model's thoughts: left out, in `reasoning_content`, or in the content between `<think>` and `</think>`."""


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """How an answer is told.

    `text_tools`: the tools whose arguments are raw text. `is_older`: calls in the form of 2023, `function_call`.
    `answer_tool`: the one whose arguments are the content. `choices`: how many answers there are. `has_usage`: a stream
    ends with the usage.
    """

    text_tools: frozenset[str] = frozenset()
    is_older: bool = False
    answer_tool: str | None = None
    thoughts: ReasoningDisplay = "field"
    choices: int = 1
    has_usage: bool = False


def usage_of(usage: Usage) -> dict[str, object]:
    """The usage in OpenAI's names. Of several answers it is the sum of what was really used, prompts included."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking},
    }


def finish_reason_of(finish: StopReason, *, is_answered: bool, is_older: bool) -> str:
    """The `finish_reason`. A call of the tool for the answer is the client's answer, and no call."""
    match finish:
        case StopReason.TOOL_CALLS if not is_answered:
            return "function_call" if is_older else "tool_calls"
        case StopReason.END | StopReason.STOP_SEQUENCE | StopReason.TOOL_CALLS:
            return "stop"
        case StopReason.LENGTH:
            return "length"
        case StopReason.REFUSAL:
            return "content_filter"
        case _:
            assert_never(finish)
