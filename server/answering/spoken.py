"""Claude's turn, gathered from its events, as the client will send it back."""

from dataclasses import replace

from server.dialogue import Event, Message, PartDelta, PartStarted, Text, ToolCall


class Spoken:
    """Claude's turn as the client will send it back: its words and its calls."""

    def __init__(self) -> None:
        self._parts: dict[int, Text | ToolCall] = {}
        self._texts: dict[int, list[str]] = {}

    def add(self, event: Event) -> None:
        """Takes in the next event."""
        if isinstance(event, PartStarted) and isinstance(event.part, Text | ToolCall):
            self._parts[event.index], self._texts[event.index] = event.part, []
        elif isinstance(event, PartDelta) and event.index in self._texts:
            self._texts[event.index].append(event.text)

    @property
    def message(self) -> Message:
        """The turn."""
        parts: list[Text | ToolCall] = []
        for index, part in sorted(self._parts.items()):
            text = "".join(self._texts[index])
            parts.append(replace(part, text=text) if isinstance(part, Text) else replace(part, arguments=text))
        return Message("assistant", tuple(parts))
