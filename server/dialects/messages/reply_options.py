"""The options of a reply of the Messages API, and the fields that streamed and whole replies share."""

from dataclasses import dataclass
from typing import assert_never

from server.conversation.events import Started, StopReason, Usage
from server.conversation.request import AnswerFormat


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """How to reply, as the request decides.

    `id` and `model` are those of the reply; the answering model's id replaces `model` if it is known.
    `shows_thinking`: the client asked for thinking, so it gets the blocks; they may have no text. `request_id` is
    repeated in an error.
    """

    id: str
    model: str
    shows_thinking: bool = False
    answer: AnswerFormat | None = None
    request_id: str = ""


def message_head(options: ReplyOptions, started: Started | None) -> dict[str, object]:
    """The fields of a message before its content."""
    model = (started.model if started else "") or options.model
    return {"id": options.id, "type": "message", "role": "assistant", "model": model}


def usage_of(usage: Usage) -> dict[str, object]:
    """`usage` as the API reports it; the input is counted without what was cached."""
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_creation,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }


def end_usage_of(usage: Usage) -> dict[str, object]:
    """`usage` at the end of an answer, with the share of thinking."""
    return {**usage_of(usage), "output_tokens_details": {"thinking_tokens": usage.thinking}}


def stop_reason_of(reason: StopReason) -> str:
    """The `stop_reason`."""
    match reason:
        case StopReason.END:
            return "end_turn"
        case StopReason.LENGTH:
            return "max_tokens"
        case StopReason.STOP_SEQUENCE:
            return "stop_sequence"
        case StopReason.TOOL_CALLS:
            return "tool_use"
        case StopReason.REFUSAL:
            return "refusal"
        case _:
            assert_never(reason)
