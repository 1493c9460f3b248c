"""Claude's turn, gathered from its events: as Claude said it, and as the client will send it back."""

from dataclasses import replace

from server.conversation.events import Event, PartDelta, PartEnded, PartStarted
from server.conversation.parts import Message, Text, Thinking, ToolCall


class Spoken:
    """Claude's turn: its words, its calls and its thoughts."""

    def __init__(self) -> None:
        self._parts: dict[int, Text | Thinking | ToolCall] = {}
        self._texts: dict[int, list[str]] = {}

    def add(self, event: Event) -> None:
        """Takes in the next event."""
        if isinstance(event, PartStarted):
            self._parts[event.index], self._texts[event.index] = event.part, []
        elif isinstance(event, PartDelta) and event.index in self._texts:
            self._texts[event.index].append(event.text)
        elif isinstance(event, PartEnded) and isinstance(part := self._parts.get(event.index), Thinking):
            self._parts[event.index] = replace(part, signature=event.signature)

    @property
    def whole(self) -> Message:
        """The turn as Claude said it."""
        return Message("assistant", tuple(self._whole(index) for index in sorted(self._parts)))

    @property
    def message(self) -> Message:
        """The turn as the client will send it back: its words and its calls."""
        parts = self.whole.parts
        return Message("assistant", tuple(part for part in parts if isinstance(part, Text | ToolCall)))

    def _whole(self, index: int) -> Text | Thinking | ToolCall:
        part, text = self._parts[index], "".join(self._texts[index])
        return replace(part, arguments=text) if isinstance(part, ToolCall) else replace(part, text=text)
