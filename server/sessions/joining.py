"""How a request continues a session: with new messages only, or with its history, or with a changed history."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Message, Text, ToolResult
from server.dialects.common.history.message_rules import FIRST_TURN

How = Literal["new", "continued", "resent", "changed"]
_OPENING = Message("user", (Text(FIRST_TURN),))


@dataclass(frozen=True, slots=True)
class Joined:
    """The whole conversation. `is_whole`: the request had all of it, so that its system prompt is that of the session.

    `how`: "continued" by new messages, "resent" with messages that are stored already, or "changed": the request has
    another history than the stored one, from some message on.
    """

    messages: tuple[Message, ...]
    how: How
    is_whole: bool = False


def has_history(sent: Sequence[Message]) -> bool:
    """Whether the messages of a request contain history, and not only what is new."""
    return any(message.role == "assistant" for message in sent)


def joined(stored: Sequence[Message], sent: Sequence[Message]) -> Joined:
    """Joins a request that has history to what is stored: what both contain counts once.

    The request has the whole history, or the end of it, such as the latest call and its result. Messages that are equal
    but for what clients change when they send them back are taken as they are stored, with Claude's thinking.
    """
    is_end = sent[0] == _OPENING and (not stored or stored[0] != _OPENING)
    own = list(sent[1:] if is_end else sent)
    old, new = list(map(_mark, stored)), list(map(_mark, own))
    same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    # The first comparison is enough for almost all of them.
    lengths = (n for n in range(min(len(old), len(new)), same, -1) if old[-n] == new[0])
    if overlap := next((n for n in lengths if old[-n:] == new[:n]), 0):
        return Joined((*stored, *own[overlap:]), "resent")
    if is_end:
        return Joined(tuple(sent), "changed" if stored else "new", is_whole=True)
    how: How = "new" if not stored else "resent" if same == len(old) else "changed"
    return Joined((*stored[:same], *own[same:]), how, is_whole=True)


def loses_answers(stored: Sequence[Message], messages: Sequence[Message]) -> bool:
    """Whether the edited conversation `messages` lacks answers of the stored one that its client did not just repeat.

    A client that asks the last question again wants another answer instead of what followed that question.
    """
    pairs = enumerate(zip(stored, messages, strict=False))
    same = next((n for n, (a, b) in pairs if _mark(a) != _mark(b)), min(len(stored), len(messages)))
    lost, rest = stored[same:], messages[same:]
    if not rest and not any(map(_is_question, lost)):
        return False
    return bool(_answers(lost) - _answers(rest))


def _answers(messages: Sequence[Message]) -> Counter[str]:
    return Counter(_mark(message) for message in messages if message.role == "assistant")


def _is_question(message: Message) -> bool:
    return message.role == "user" and not all(isinstance(part, ToolResult) for part in message.parts)


def _mark(message: Message) -> str:
    return conversation_key((message,), model=None)
