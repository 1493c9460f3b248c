"""What of an answer OpenAI's clients get to see: words, thoughts, and calls counted from 0."""

from dataclasses import dataclass
from typing import assert_never

from server.conversation.events import PartDelta, PartEnded, PartStarted
from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall
from server.dialects.chat_completions.reply_options import ReplyOptions
from server.dialects.common.raw_text_tools import Unwrapper


@dataclass(frozen=True, slots=True)
class Words:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Thoughts:
    """More of what the model thought."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call begins; `position` counts the calls of this answer."""

    position: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """More text of a call's arguments: JSON, or raw text for a tool that takes it."""

    position: int
    text: str


Piece = Words | Thoughts | Call | Arguments


class DeltaBuilder:
    """Makes pieces of the parts of one answer."""

    def __init__(self, form: ReplyOptions) -> None:
        self._form = form
        self._calls: dict[int, int] = {}
        self._raw: dict[int, Unwrapper] = {}
        self._answers: set[int] = set()
        self._silent: set[int] = set()
        self._thoughts: set[int] = set()
        self._opened: set[int] = set()
        self._held: list[str] = []

    @property
    def is_answered(self) -> bool:
        """Whether all that it called is the tool for the answer, so that it ends as an answer and not as a call."""
        return bool(self._answers) and not self._calls

    def add(self, event: PartStarted | PartDelta | PartEnded) -> list[Piece]:
        """What `event` adds to the answer, often nothing."""
        match event:
            case PartStarted():
                return self._started(event)
            case PartDelta():
                return self._more(event)
            case PartEnded():
                return self._ended(event.index)
            case _:
                assert_never(event)

    def end(self) -> list[Piece]:
        """What is told when the answer is whole: words that were no part of a JSON answer, if there was none."""
        held, self._held = "".join(self._held), []
        return [Words(held)] if held and not self._answers else []

    def _started(self, event: PartStarted) -> list[Piece]:
        match event.part:
            case ToolCall(name=name) if name == self._form.answer_tool:
                self._answers.add(event.index)
                self._silent.add(event.index)
                return []
            case ToolCall(id=id_, name=name):
                position = self._calls[event.index] = len(self._calls)
                if name in self._form.text_tools:
                    self._raw[event.index] = Unwrapper()
                else:
                    self._silent.add(event.index)
                return [Call(position, id_, name)]
            case Thinking():
                self._thoughts.add(event.index)
                return []
            case Text() | RedactedThinking():
                return []
            case _:
                assert_never(event.part)

    def _more(self, event: PartDelta) -> list[Piece]:
        index, text = event.index, event.text
        if not text:
            return []
        self._silent.discard(index)
        if index in self._thoughts:
            return self._thought(index, text)
        if index in self._answers:
            return [Words(text)]
        if index in self._raw:
            raw = self._raw[index].feed(text)
            return [Arguments(self._calls[index], raw)] if raw else []
        if index in self._calls:
            return [Arguments(self._calls[index], text)]
        if self._form.answer_tool is not None:
            self._held.append(text)
            return []
        return [Words(text)]

    def _thought(self, index: int, text: str) -> list[Piece]:
        match self._form.thoughts:
            case "hidden":
                return []
            case "field":
                return [Thoughts(text)]
            case "tags":
                tag = "" if index in self._opened else "<think>"
                self._opened.add(index)
                return [Words(tag + text)]
            case _:
                assert_never(self._form.thoughts)

    def _ended(self, index: int) -> list[Piece]:
        if index in self._opened:
            return [Words("</think>\n\n")]
        if index in self._raw:
            rest = self._raw[index].end()
            return [Arguments(self._calls[index], rest)] if rest else []
        if index in self._silent:
            # A call without arguments streams no JSON at all, and clients parse "" and fail.
            return [Words("{}") if index in self._answers else Arguments(self._calls[index], "{}")]
        return []
