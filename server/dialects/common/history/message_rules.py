"""Builds the messages that Claude's API takes from a client's messages; every character is kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, groupby, takewhile
from typing import Literal

from server.conversation.parts import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Role,
    SearchResult,
    Text,
    Thinking,
    ToolResult,
)
from server.conversation.text import is_blank
from server.dialects.common.content.attachments import check_total_size, shrunk_places
from server.dialects.common.content.content_types import SystemBlock
from server.dialects.common.tools.tool_pairing import pair_results
from server.errors import InvalidRequest

# Claude's API requires that the user speaks first.
FIRST_TURN = "(The conversation starts with the assistant's message.)"
# Claude's newer models refuse a conversation that ends with the assistant.
CONTINUE = "(Continue exactly where the assistant's last message ends. Do not repeat it.)"
# Claude Code treats this assistant text as empty and drops the message.
_NO_CONTENT = "(no content)"


def system_note(text: str) -> str:
    """Returns a system message that stands inside the conversation, as a block of the user's message there."""
    return f"<system-message>\n{text}\n</system-message>"


@dataclass(frozen=True, slots=True)
class Conversation:
    """The system prompt and the messages. `ignored` names what was left out or changed."""

    system: str
    messages: tuple[Message, ...]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """A message as the client sent it."""

    role: Literal["system", "user", "assistant"]
    parts: list[Part]
    place: str
    name: str | None = None

    @property
    def turn(self) -> Role:
        """The role of the message that contains it, unless it is part of the system prompt."""
        return "assistant" if self.role == "assistant" else "user"

    @property
    def text(self) -> str:
        """The text of a system message."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def is_blank(self) -> bool:
        """Whether nothing of it can be sent to Claude."""
        return is_blank(self.text) if self.role == "system" else not self.parts


class MessageListBuilder:
    """Collects the system prompt and the messages of one request. `field` is the request's field that holds them.

    `before` is the conversation that they continue.

    1. A blank message is left out, and a blank part joins its neighbour: Claude's API refuses both. Only the last user
       message must not be blank: Claude Code would answer it itself.
    2. Leading system messages are the system prompt, joined by newlines. A later one stands in its place, marked, in
       the user's message: the prompt stays the same when a client appends the time to every request.
    3. A system message that stands alone is the user's message.
    4. Where two messages of one role have different names, each begins with its name.
    5. Consecutive messages of one role become one.
    6. A conversation that starts with the assistant gets a neutral user message before it, one that ends with the
       assistant a user message that asks to continue.
    7. Each call has its result in the next user message, where results stand first.
    """

    def __init__(self, field: str, before: Sequence[Message] = ()) -> None:
        self._field = field
        self._before = before
        self._entries: list[_Entry] = []
        self._ignored: list[str] = []
        self._thoughts: list[Part] = []

    def add_thought(self, thought: Thinking | RedactedThinking) -> None:
        """Adds a thought that stands alone; it begins the assistant message that is added next."""
        self._thoughts.append(thought)

    def add_system(self, texts: Iterable[str], place: str, name: str | None = None) -> None:
        """Adds the system message at `place`."""
        self._entries.append(_Entry("system", [Text(text) for text in texts if text], place, name))

    def add_system_field(self, system: str | Sequence[SystemBlock] | None, place: str) -> None:
        """Adds the system prompt that a field of the request holds."""
        if system is not None:
            self.add_system([system] if isinstance(system, str) else [block.text for block in system], place)

    def add_user(self, parts: Sequence[Part], place: str, name: str | None = None) -> None:
        """Adds the user message at `place`."""
        # A thought without an answer is of no use, and Claude's API refuses it.
        self._thoughts = []
        results = [part for part in parts if isinstance(part, ToolResult)]
        others = [part for part in parts if not isinstance(part, ToolResult)]
        if all(isinstance(part, Text) and is_blank(part.text) for part in others):
            others = []
        self._entries.append(_Entry("user", [*results, *_without_blank_parts(others, is_blank)], place, name))

    def add_assistant(self, parts: Sequence[Part], place: str, name: str | None = None) -> None:
        """Adds the assistant message at `place`."""
        own = answer_parts(parts)
        kept = [*self._thoughts, *own] if own else []
        self._thoughts = [] if kept else self._thoughts
        self._entries.append(_Entry("assistant", kept, place, name))

    def ignore(self, place: str) -> None:
        """Names something that was left out or changed."""
        self._ignored.append(place)

    @property
    def has_question(self) -> bool:
        """Whether what was added so far ends with something that Claude can answer."""
        return bool(self._entries) and self._entries[-1].role == "user"

    def build(self) -> Conversation:
        """Returns the conversation. Raises `InvalidRequest` if it contains no question."""
        system, entries = self._with_question()
        messages = [
            Message(role, tuple(_turn(list(turn)))) for role, turn in groupby(entries, key=lambda entry: entry.turn)
        ]
        if messages[0].role == "assistant" and not self._before:
            messages.insert(0, Message("user", (Text(FIRST_TURN),)))
        paired, unpaired = pair_results((*self._before, *messages), field=self._field)
        if paired[-1].role == "assistant":
            paired = (*paired, Message("user", (Text(CONTINUE),)))
            self.ignore(f"{entries[-1].place} (a request to continue was added)")
        check_total_size(paired, field=self._field)
        prompt = "\n".join(entry.text for entry in system)
        # Claude's API refuses a blank system prompt, too.
        return Conversation(
            "" if is_blank(prompt) else prompt, paired, (*self._ignored, *unpaired, *shrunk_places(paired))
        )

    def _with_question(self) -> tuple[list[_Entry], list[_Entry]]:
        """Returns the entries of the system prompt and those of the conversation, without blank ones."""
        kept = self._with_names([entry for entry in self._entries if entry.parts])
        system = list(takewhile(lambda entry: entry.role == "system", kept))
        others = [entry for entry in kept[len(system) :] if not entry.is_blank]
        is_unanswered = bool(others) and others[-1].role != "assistant"
        for entry in takewhile(lambda entry: entry.is_blank, reversed(self._entries)):
            if entry.role == "user" and not is_unanswered:
                raise InvalidRequest(
                    f"{entry.place}.content is empty or only white space.",
                    param=f"{entry.place}.content",
                    hint="Add text to it, or leave the message out.",
                )
        # A blank system prompt says nothing.
        for entry in dropwhile(lambda entry: entry.role == "system", self._entries):
            if entry.is_blank:
                self.ignore(f"{entry.place} (blank)")
        if others:
            return system, others
        if not system or is_blank(system[-1].text):
            raise InvalidRequest(
                f"{self._field} {'contains no user message' if self._entries else 'is empty'}.",
                param=self._field,
                hint="Send at least one message with the role 'user'.",
            )
        return system[:-1], [system[-1]]

    def _with_names(self, entries: Sequence[_Entry]) -> list[_Entry]:
        """Returns the entries; those of a role with several speakers begin with the speaker's name."""
        names = {(entry.role, entry.name) for entry in entries if entry.name}
        roles = [role for role, _ in names]
        if any(roles.count(role) == 1 for role in roles):
            self.ignore(f"{self._field}[].name")
        return [_with_name(entry) if roles.count(entry.role) > 1 else entry for entry in entries]


def _with_name(entry: _Entry) -> _Entry:
    if not entry.name:
        return entry
    parts = list(entry.parts)
    for number, part in enumerate(parts):
        if isinstance(part, Text):
            parts[number] = Text(f"{entry.name}: {part.text}")
            return replace(entry, parts=parts)
    if any(isinstance(part, Image | Document | SearchResult) for part in parts):
        # Results stand first.
        parts.insert(sum(isinstance(part, ToolResult) for part in parts), Text(f"{entry.name}:"))
    return replace(entry, parts=parts)


def answer_parts(parts: Sequence[Part]) -> list[Part]:
    """The parts of an answer of Claude's that later requests contain; empty if it says nothing."""
    return [] if all(map(_is_no_answer, parts)) else _without_blank_parts(parts, _is_dropped)


def _turn(entries: Sequence[_Entry]) -> Iterator[Part]:
    """Yields the parts of one message. A system message is marked, unless it is all that the user's message has."""
    is_system = all(entry.role == "system" for entry in entries)
    for number, entry in enumerate(entries):
        if entry.role != "system":
            yield from entry.parts
        elif is_system and number == len(entries) - 1:
            yield Text(entry.text)
        else:
            yield Text(system_note(entry.text), is_system=True)


def _without_blank_parts(parts: Sequence[Part], is_blank_text: Callable[[str], bool]) -> list[Part]:
    """Joins each blank text to the text before it, else to the one after it, else drops it."""
    kept: list[Part] = []
    last_text: int | None = None
    leading = ""
    for part in parts:
        if not isinstance(part, Text):
            kept.append(part)
        elif not is_blank_text(part.text):
            last_text = len(kept)
            kept.append(replace(part, text=leading + part.text))
            leading = ""
        elif last_text is None:
            leading += part.text
        else:
            before = kept[last_text]
            assert isinstance(before, Text)
            kept[last_text] = replace(before, text=before.text + part.text)
    return kept


def _is_no_answer(part: Part) -> bool:
    return isinstance(part, Thinking | RedactedThinking) or (isinstance(part, Text) and _is_dropped(part.text))


def _is_dropped(text: str) -> bool:
    return is_blank(text) or text.strip() == _NO_CONTENT
