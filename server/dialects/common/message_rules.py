"""The rules by which any dialect's messages become turns that Claude's API takes, every word as it was written."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from server.conversation.parts import Message, Part, RedactedThinking, Role, Text, Thinking, ToolResult
from server.conversation.text import is_blank
from server.dialects.common.attachments import check_size
from server.dialects.common.tool_pairing import PairingErrors, paired
from server.errors import InvalidRequest

# Claude's API wants the user to speak first.
FIRST_TURN = "(The conversation starts with the assistant's message.)"

# Claude Code takes these words of the assistant's for an empty turn and drops them.
_NO_CONTENT = "(no content)"


class MessageListBuilder:
    """The system prompt, and the turns in which user and assistant alternate. `field` is where the messages stand.

    1. system messages, wherever they stand, are joined by a newline, as at Anthropic's own endpoint;
    2. a blank message of the user's is refused: Claude Code would answer it by itself;
    3. a blank one of the assistant's is left out, and a blank part joins its neighbour: Claude's API refuses both;
    4. messages of one role in a row are one turn;
    5. an assistant who speaks first gets a neutral turn before it;
    6. each call has its result in the user's next turn, where results stand first.
    """

    def __init__(self, field: str = "messages") -> None:
        self._field = field
        self._system: list[str] = []
        self._turns: list[tuple[Role, list[Part]]] = []
        self._last = field
        self._is_empty = True

    def system(self, texts: Sequence[str]) -> None:
        """Adds to the system prompt."""
        self._is_empty = False
        self._system += filter(None, texts)

    def user(self, parts: Sequence[Part], place: str) -> None:
        """Adds the user's message that stands at `place`. Raises `InvalidRequest` for a blank one."""
        self._is_empty = False
        if all(isinstance(part, Text) and is_blank(part.text) for part in parts):
            raise InvalidRequest(
                f"{place}.content is empty or nothing but white space.",
                param=f"{place}.content",
                hint="Write something in it, or leave the message out.",
            )
        self._say("user", _without_blank_parts(parts, is_blank), place)

    def result(self, result: ToolResult, place: str) -> None:
        """Adds what a tool gave back. It may be empty."""
        self._say("user", [result], place)

    def assistant(self, parts: Sequence[Part], place: str) -> None:
        """Adds the assistant's message that stands at `place`, unless it is blank."""
        self._is_empty = False
        thinking = Thinking | RedactedThinking
        if not all(isinstance(part, thinking) or (isinstance(part, Text) and _is_dropped(part.text)) for part in parts):
            self._say("assistant", _without_blank_parts(parts, _is_dropped), place)

    def end(self, words: PairingErrors) -> tuple[str, tuple[Message, ...]]:
        """The system prompt and the turns. Raises `InvalidRequest` where they are nothing that Claude can answer."""
        if self._turns and self._turns[0][0] == "assistant":
            self._turns.insert(0, ("user", [Text(FIRST_TURN)]))
        messages = paired((Message(role, tuple(parts)) for role, parts in self._turns), words)
        self._refuse_without_question()
        check_size(messages)
        prompt = "\n".join(self._system)
        # Claude's API refuses a blank system prompt too; to leave it out changes nothing.
        return "" if is_blank(prompt) else prompt, messages

    def _say(self, role: Role, parts: Sequence[Part], place: str) -> None:
        if not self._turns or self._turns[-1][0] != role:
            self._turns.append((role, []))
        self._turns[-1][1].extend(parts)
        self._last = place

    def _refuse_without_question(self) -> None:
        if not self._turns:
            what = "is empty" if self._is_empty else "holds no message of the user's"
            raise InvalidRequest(
                f"{self._field} {what}.", param=self._field, hint="Send at least one with the role 'user'."
            )
        if self._turns[-1][0] == "assistant":
            raise InvalidRequest(
                f"The conversation ends with the assistant's message, {self._last}, and Claude answers the user's.",
                param=self._last,
                hint="Add a message with the role 'user' after it.",
            )


def _without_blank_parts(parts: Sequence[Part], blank: Callable[[str], bool]) -> list[Part]:
    """The same characters with no blank text among them; those that have no text beside them are left out."""
    whole: list[Part] = []
    last: int | None = None
    waiting = ""
    for part in parts:
        if not isinstance(part, Text):
            whole.append(part)
        elif not blank(part.text):
            last = len(whole)
            whole.append(replace(part, text=waiting + part.text))
            waiting = ""
        elif last is None:
            waiting += part.text
        else:
            before = whole[last]
            assert isinstance(before, Text)
            whole[last] = replace(before, text=before.text + part.text)
    return whole


def _is_dropped(text: str) -> bool:
    return is_blank(text) or text.strip() == _NO_CONTENT
