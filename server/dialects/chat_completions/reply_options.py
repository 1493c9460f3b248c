"""The options of a chat completion reply, and the fields that streamed and whole replies share."""

from dataclasses import dataclass
from typing import Literal, assert_never

from server.conversation.events import StopReason
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.deltas import DeltaBuilder

ReasoningDisplay = Literal["hidden", "field", "tags"]
"""Reasoning is left out, sent as `reasoning_content`, or put into the content between `<think>` and `</think>`."""


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """How to reply, as the request and the settings decide.

    `raw_text_tools`: tools whose arguments are raw text. `is_legacy`: calls use `function_call`, the form of 2023.
    `answer`: the format of content in JSON. `include_usage`: a stream ends with the usage.
    """

    raw_text_tools: frozenset[str] = frozenset()
    is_legacy: bool = False
    answer: AnswerFormat | None = None
    reasoning: ReasoningDisplay = "field"
    choices: int = 1
    include_usage: bool = False

    def delta_builder(self) -> DeltaBuilder:
        """A new builder, for one choice."""
        return DeltaBuilder(raw_text_tools=self.raw_text_tools, answer=self.answer, reasoning=self.reasoning)


def finish_reason_of(reason: StopReason, *, is_answer: bool, is_legacy: bool) -> str:
    """The `finish_reason`. `is_answer`: the only tool called was the answer tool, which is no call to the client."""
    match reason:
        case StopReason.TOOL_CALLS if not is_answer:
            return "function_call" if is_legacy else "tool_calls"
        case StopReason.END | StopReason.STOP_SEQUENCE | StopReason.TOOL_CALLS:
            return "stop"
        case StopReason.LENGTH:
            return "length"
        case StopReason.REFUSAL:
            return "content_filter"
        case _:
            assert_never(reason)
