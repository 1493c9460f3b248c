"""Builds the messages that Claude's API takes from a client's messages; every character is kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from server.conversation.parts import Message, Part, RedactedThinking, Role, Text, Thinking, ToolResult
from server.conversation.text import is_blank
from server.dialects.common.attachments import check_total_size
from server.dialects.common.tool_pairing import PairingErrors, pair_results
from server.errors import InvalidRequest

# Claude's API requires that the user speaks first.
FIRST_TURN = "(The conversation starts with the assistant's message.)"
# Claude Code treats this assistant text as empty and drops the message.
_NO_CONTENT = "(no content)"


class MessageListBuilder:
    """Collects the system prompt and the messages of one request.

    `field` is the request's field that holds the messages, `errors` are the dialect's texts for unpaired calls.

    1. System messages are joined by newlines wherever they stand, as Anthropic's OpenAI-compatible endpoint does.
    2. A blank user message is refused: Claude Code would answer it itself.
    3. A blank assistant message is left out, and a blank part joins its neighbour: Claude's API refuses both.
    4. Consecutive messages of one role become one.
    5. A conversation that starts with the assistant gets a neutral user message before it.
    6. Each call has its result in the next user message, where results stand first.
    """

    def __init__(self, field: str, errors: PairingErrors) -> None:
        self._field = field
        self._errors = errors
        self._system: list[str] = []
        self._messages: list[tuple[Role, list[Part]]] = []
        self._last_place = field
        self._is_empty = True

    def add_system(self, texts: Iterable[str]) -> None:
        """Adds to the system prompt."""
        self._is_empty = False
        self._system += filter(None, texts)

    def add_user(self, parts: Sequence[Part], place: str) -> None:
        """Adds the user message at `place`. Raises `InvalidRequest` if it is blank and has no tool results."""
        self._is_empty = False
        results = [part for part in parts if isinstance(part, ToolResult)]
        others = [part for part in parts if not isinstance(part, ToolResult)]
        if all(isinstance(part, Text) and is_blank(part.text) for part in others):
            if not results:
                raise InvalidRequest(
                    f"{place}.content is empty or only white space.",
                    param=f"{place}.content",
                    hint="Add text to it, or leave the message out.",
                )
            others = []
        self._append("user", [*results, *_without_blank_parts(others, is_blank)], place)

    def add_assistant(self, parts: Sequence[Part], place: str) -> None:
        """Adds the assistant message at `place`, unless it is blank."""
        self._is_empty = False
        if not all(_is_no_answer(part) for part in parts):
            self._append("assistant", _without_blank_parts(parts, _is_dropped), place)

    def build(self) -> tuple[str, tuple[Message, ...]]:
        """Returns the system prompt and the messages. Raises `InvalidRequest` if Claude cannot answer them."""
        if self._messages and self._messages[0][0] == "assistant":
            self._messages.insert(0, ("user", [Text(FIRST_TURN)]))
        alternating = (Message(role, tuple(parts)) for role, parts in self._messages)
        messages = pair_results(alternating, self._errors, field=self._field)
        self._require_question()
        check_total_size(messages, field=self._field)
        prompt = "\n".join(self._system)
        # Claude's API refuses a blank system prompt, too.
        return "" if is_blank(prompt) else prompt, messages

    def _append(self, role: Role, parts: Sequence[Part], place: str) -> None:
        if not self._messages or self._messages[-1][0] != role:
            self._messages.append((role, []))
        self._messages[-1][1].extend(parts)
        self._last_place = place

    def _require_question(self) -> None:
        if not self._messages:
            problem = "is empty" if self._is_empty else "contains no user message"
            raise InvalidRequest(
                f"{self._field} {problem}.",
                param=self._field,
                hint="Send at least one message with the role 'user'.",
            )
        if self._messages[-1][0] == "assistant":
            raise InvalidRequest(
                f"The last message ({self._last_place}) is from the assistant; the last message must be from the user.",
                param=self._last_place,
                hint="Add a message with the role 'user' after it.",
            )


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
