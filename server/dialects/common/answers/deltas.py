"""Converts the events of an answer to deltas: text, reasoning, and tool calls with their position among the calls."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import assert_never

from server.config import Thoughts
from server.conversation.events import PartDelta, PartEnded, PartStarted
from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.answer_unwrapper import AnswerUnwrapper
from server.dialects.common.tools.raw_text_tools import Unwrapper

_TEXT = AnswerFormat(None)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More content."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """The start of a tool call; `position` counts the calls of this answer from 0."""

    position: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """More of a call's arguments: JSON, or raw text for a tool that takes it."""

    position: int
    text: str


Delta = TextDelta | ReasoningDelta | CallDelta | ArgumentsDelta


class DeltaBuilder:
    """Builds the deltas of one choice.

    `raw_text_tools`: tools whose arguments are raw text. `answer`: the format of an answer in JSON. `reasoning`: left
    out, deltas of their own, or text between `<think>` and `</think>`.
    """

    def __init__(
        self,
        *,
        raw_text_tools: Collection[str] = (),
        answer: AnswerFormat | None = None,
        reasoning: Thoughts = "field",
    ) -> None:
        self._raw_text_tools = raw_text_tools
        self._reasoning = reasoning
        self._answer = answer or _TEXT
        # Each of these holds indices of parts.
        self._calls: dict[int, int] = {}
        self._raw: dict[int, Unwrapper] = {}
        self._answers: set[int] = set()
        self._wrapped: dict[int, AnswerUnwrapper] = {}
        self._without_arguments: set[int] = set()
        self._thinking: set[int] = set()
        self._open_tags: set[int] = set()
        self._withheld: list[str] = []

    @property
    def is_answer(self) -> bool:
        """Whether the answer tool is the only tool called, so that the choice ends as an answer, not as a call."""
        return bool(self._answers) and not self._calls

    def add(self, event: PartStarted | PartDelta | PartEnded) -> list[Delta]:
        """The deltas for `event`, often none."""
        match event:
            case PartDelta(index=index, text=text):
                return self._add_text(index, text) if text else []
            case PartStarted():
                return self._start(event)
            case PartEnded():
                return self._end_part(event.index)
            case _:
                assert_never(event)

    def end(self) -> list[Delta]:
        """The deltas at the end: text beside an expected answer tool, if that tool was not called."""
        withheld, self._withheld = "".join(self._withheld), []
        return [TextDelta(withheld)] if withheld and not self._answers else []

    def _start(self, event: PartStarted) -> list[Delta]:
        match event.part:
            case ToolCall(name=name) if name == self._answer.tool:
                self._answers.add(event.index)
                self._without_arguments.add(event.index)
                if self._answer.is_wrapped:
                    self._wrapped[event.index] = AnswerUnwrapper()
                return []
            case ToolCall(id=id_, name=name):
                position = self._calls[event.index] = len(self._calls)
                if name in self._raw_text_tools:
                    self._raw[event.index] = Unwrapper()
                else:
                    self._without_arguments.add(event.index)
                return [CallDelta(position, id_, name)]
            case Thinking():
                self._thinking.add(event.index)
                return []
            case Text() | RedactedThinking():
                return []
            case _:
                assert_never(event.part)

    def _add_text(self, index: int, text: str) -> list[Delta]:
        if index in self._thinking:
            return self._add_reasoning(index, text)
        if index in self._calls:
            self._without_arguments.discard(index)
            more = self._raw[index].feed(text) if index in self._raw else text
            return [ArgumentsDelta(self._calls[index], more)] if more else []
        if index in self._answers:
            self._without_arguments.discard(index)
            text = self._wrapped[index].feed(text) if index in self._wrapped else text
        elif self._answer.tool is not None:
            self._withheld.append(text)
            return []
        return [TextDelta(text)] if text else []

    def _add_reasoning(self, index: int, text: str) -> list[Delta]:
        match self._reasoning:
            case "hidden":
                return []
            case "field":
                return [ReasoningDelta(text)]
            case "tags":
                tag = "" if index in self._open_tags else "<think>"
                self._open_tags.add(index)
                return [TextDelta(tag + text)]
            case _:
                assert_never(self._reasoning)

    def _end_part(self, index: int) -> list[Delta]:
        if index in self._open_tags:
            return [TextDelta("</think>\n\n")]
        if index in self._raw:
            rest = self._raw[index].end()
            return [ArgumentsDelta(self._calls[index], rest)] if rest else []
        if index in self._wrapped and (rest := self._wrapped[index].end()):
            return [TextDelta(rest)]
        if index in self._without_arguments:
            # A call without arguments streams no JSON at all, and clients fail to parse "".
            return [TextDelta("{}") if index in self._answers else ArgumentsDelta(self._calls[index], "{}")]
        return []
