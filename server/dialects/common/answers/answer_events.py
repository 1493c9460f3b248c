"""Turns the call of the answer tool into text, for dialects that send an answer part by part."""

from dataclasses import replace

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, StopReason
from server.conversation.parts import Text, ToolCall
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.answer_unwrapper import AnswerUnwrapper


class AnswerEvents:
    """Takes the events of one answer in order. `answer` is the format that the client wants; None: text.

    Text beside an expected call of the answer tool is held until the end, and sent only if that tool was not called.
    """

    def __init__(self, answer: AnswerFormat | None) -> None:
        self._answer = answer or AnswerFormat(None)
        self._unwrappers: dict[int, AnswerUnwrapper | None] = {}
        self._empty: set[int] = set()
        self._held: dict[int, list[Event]] = {}
        self._calls = False

    def feed(self, event: Event) -> list[Event]:
        """Returns the events to send instead of `event`."""
        if self._answer.tool is None:
            return [event]
        match event:
            case PartStarted(part=ToolCall(name=name)) if name == self._answer.tool:
                self._unwrappers[event.index] = AnswerUnwrapper() if self._answer.is_wrapped else None
                self._empty.add(event.index)
                return [replace(event, part=Text(""))]
            case PartStarted(part=Text()):
                self._held[event.index] = [event]
                return []
            case PartStarted(part=ToolCall()):
                self._calls = True
            case PartDelta() | PartEnded() if event.index in self._held:
                self._held[event.index].append(event)
                return []
            case PartDelta() if event.index in self._unwrappers:
                return self._unwrapped(event)
            case PartEnded() if event.index in self._unwrappers:
                return [*self._rest(event), event]
            case Finished():
                return self._end(event)
        return [event]

    def _unwrapped(self, event: PartDelta) -> list[Event]:
        unwrapper = self._unwrappers[event.index]
        text = unwrapper.feed(event.text) if unwrapper else event.text
        if event.text:
            self._empty.discard(event.index)
        return [replace(event, text=text)] if text else []

    def _rest(self, event: PartEnded) -> list[Event]:
        unwrapper = self._unwrappers[event.index]
        rest = unwrapper.end() if unwrapper else ""
        rest = rest or ("{}" if event.index in self._empty else "")
        return [PartDelta(event.index, rest, event.choice)] if rest else []

    def _end(self, event: Finished) -> list[Event]:
        if not self._unwrappers:
            return [*(held for events in self._held.values() for held in events), event]
        is_answer = event.reason is StopReason.TOOL_CALLS and not self._calls
        return [replace(event, reason=StopReason.END) if is_answer else event]
