"""Builds the assistant's message from the events of an answer."""

from dataclasses import replace

from server.conversation.events import AnswerPart, Event, PartDelta, PartEnded, PartStarted
from server.conversation.parts import Message, RedactedThinking, Text, Thinking, ToolCall


class MessageAccumulator:
    """Takes the events of one answer in order."""

    def __init__(self) -> None:
        self._parts: dict[int, AnswerPart] = {}
        self._texts: dict[int, list[str]] = {}

    def add(self, event: Event) -> None:
        """Takes the next event."""
        if isinstance(event, PartDelta):
            if (texts := self._texts.get(event.index)) is not None:
                texts.append(event.text)
        elif isinstance(event, PartStarted):
            self._parts[event.index], self._texts[event.index] = event.part, []
        elif isinstance(event, PartEnded) and isinstance(part := self._parts.get(event.index), Thinking):
            self._parts[event.index] = replace(part, signature=event.signature)

    @property
    def message_with_thinking(self) -> Message:
        """The message as Claude wrote it."""
        return Message("assistant", tuple(self._complete(index) for index in sorted(self._parts)))

    @property
    def message(self) -> Message:
        """The message as the client will send it back: without the thinking."""
        parts = self.message_with_thinking.parts
        return Message("assistant", tuple(part for part in parts if isinstance(part, Text | ToolCall)))

    def _complete(self, index: int) -> AnswerPart:
        part, text = self._parts[index], "".join(self._texts[index])
        match part:
            case ToolCall():
                return replace(part, arguments=text)
            case RedactedThinking():
                return part
            case Text() | Thinking():
                return replace(part, text=text)
