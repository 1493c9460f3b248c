"""Collects an answer into a whole chat completion."""

from dataclasses import dataclass, field
from typing import assert_never

from server.conversation.events import Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.dialects.chat_completions.reply_options import ReplyOptions, finish_reason_of
from server.dialects.common.answers.collecting import AnswerCollector
from server.dialects.common.answers.deltas import (
    ArgumentsDelta,
    CallDelta,
    Delta,
    ReasoningDelta,
    TextDelta,
)
from server.dialects.common.openai_usage import usage_of


class ChatCollector(AnswerCollector):
    """Collects the events of one answer, or of several choices side by side."""

    def __init__(self, *, id: str, created: int, model: str, options: ReplyOptions) -> None:  # noqa: A002 # the API's word
        super().__init__()
        self._head = {"id": id, "object": "chat.completion", "created": created, "model": model}
        self._choices = tuple(_Choice(options) for _ in range(options.choices))

    def _take(self, event: Started | PartStarted | PartDelta | PartEnded | Finished) -> None:
        if isinstance(event, PartStarted | PartDelta | PartEnded):
            self._choices[event.choice].add(event)

    def _whole(self, finished: Finished) -> dict[str, object]:
        choices = [
            choice.body(number, finished.reasons[number] if finished.reasons else finished.reason)
            for number, choice in enumerate(self._choices)
        ]
        return {**self._head, "choices": choices, "usage": usage_of(finished.usage)}


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)

    @property
    def function(self) -> dict[str, object]:
        return {"name": self.name, "arguments": "".join(self.arguments)}


class _Choice:
    def __init__(self, options: ReplyOptions) -> None:
        self._options = options
        self._builder = options.delta_builder()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []

    def add(self, event: PartStarted | PartDelta | PartEnded) -> None:
        for delta in self._builder.add(event):
            self._append(delta)

    def body(self, index: int, reason: StopReason) -> dict[str, object]:
        for delta in self._builder.end():
            self._append(delta)
        finish = finish_reason_of(reason, is_answer=self._builder.is_answer, is_legacy=self._options.is_legacy)
        return {"index": index, "message": self._message(), "logprobs": None, "finish_reason": finish}

    def _append(self, delta: Delta) -> None:
        match delta:
            case TextDelta(text=text):
                self._text.append(text)
            case ReasoningDelta(text=text):
                self._reasoning.append(text)
            case CallDelta(id=id_, name=name):
                self._calls.append(_Call(id_, name))
            case ArgumentsDelta(position=position, text=text):
                self._calls[position].arguments.append(text)
            case _:
                assert_never(delta)

    def _message(self) -> dict[str, object]:
        content = "".join(self._text)
        # Null only beside calls: Talon strips the content without checking its type.
        message: dict[str, object] = {
            "role": "assistant",
            "content": (content or None) if self._calls else content,
            "refusal": None,
        }
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls and self._options.is_legacy:
            message["function_call"] = self._calls[0].function
        elif self._calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": call.function} for call in self._calls
            ]
        return message
