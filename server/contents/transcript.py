"""Collects an answer from its events, as text, with bounds."""

from dataclasses import dataclass
from typing import Literal

from server.contents.redaction import clean
from server.conversation.events import Event, Failed, Finished, PartDelta, PartStarted
from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall

PartKind = Literal["text", "thinking", "hidden thinking", "tool call"]
# Parts of an answer that are kept; Claude writes a dozen.
MOST_PARTS = 500


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part of an answer. `name` and `call` are those of a tool call, whose `text` is its arguments as JSON."""

    kind: PartKind
    text: str
    choice: int = 0
    name: str = ""
    call: str = ""


class Transcript:
    """The parts of one answer so far, of at most `most` characters."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._heads: dict[tuple[int, int], tuple[PartKind, str, str]] = {}
        self._texts: dict[tuple[int, int], list[str]] = {}
        self.is_cut = False
        self.stop = ""
        self.failure = ""

    @property
    def size(self) -> int:
        """How many characters are kept."""
        return sum(len(text) for texts in self._texts.values() for text in texts)

    @property
    def has_begun(self) -> bool:
        """Whether anything came."""
        return bool(self._heads or self.stop or self.failure)

    def add(self, event: Event) -> None:
        """Takes the next event."""
        if isinstance(event, PartDelta):
            self._append((event.choice, event.index), event.text)
        elif isinstance(event, PartStarted):
            self._begin(event)
        elif isinstance(event, Finished):
            self.stop = event.reason.value
        elif isinstance(event, Failed):
            self.failure = str(event.error)

    def parts(self) -> tuple[KeptPart, ...]:
        """The parts, in the order in which they began, without keys and encoded bytes."""
        return tuple(
            KeptPart(kind, clean("".join(self._texts[key])), key[0], name, call)
            for key, (kind, name, call) in self._heads.items()
        )

    def _begin(self, event: PartStarted) -> None:
        if len(self._heads) >= MOST_PARTS:
            self.is_cut = True
            return
        key = (event.choice, event.index)
        head: tuple[PartKind, str, str]
        match event.part:
            case Text(text=text):
                head, first = ("text", "", ""), text
            case Thinking(text=text):
                head, first = ("thinking", "", ""), text
            case RedactedThinking():
                head, first = ("hidden thinking", "", ""), ""
            case ToolCall():
                head, first = ("tool call", event.part.name[:200], event.part.id[:200]), event.part.arguments
        self._heads[key], self._texts[key] = head, []
        self._append(key, first)

    def _append(self, key: tuple[int, int], text: str) -> None:
        if key not in self._texts or not text:
            return
        if len(text) > self._left:
            self.is_cut, text = True, text[: self._left]
        if text:
            self._texts[key].append(text)
            self._left -= len(text)
