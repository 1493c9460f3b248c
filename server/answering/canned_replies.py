"""Replies without Claude: the prompts by which Cursor verifies an address and a key."""

from dataclasses import dataclass

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest

WAY = "local"


@dataclass(frozen=True, slots=True)
class _CannedReply:
    """A recorded request, with its token limit where it has one, and the reply to it."""

    system: str
    user: str
    max_tokens: int | None
    reply: str


_REPLIES = (
    # Cursor's check of a key: it reads only the status, and sends any model name.
    _CannedReply(
        system="You are a helpful assistant.",
        user="Test prompt using gpt-3.5-turbo",
        max_tokens=10,
        reply="Drawbridge is here.",
    ),
    # The command that Cursor's error dialog offers to copy.
    _CannedReply(
        system="You are a test assistant.",
        user="Testing. Just say hi and nothing else.",
        max_tokens=None,
        reply="hi",
    ),
)


def local_answer(request: ModelRequest) -> tuple[Event, ...]:
    """The events of the canned reply to `request`; empty if there is none."""
    canned = next((canned for canned in _REPLIES if _matches(canned, request)), None)
    if canned is None:
        return ()
    return (
        Started(model="", way=WAY),
        PartStarted(0, Text("")),
        PartDelta(0, canned.reply),
        PartEnded(0),
        Finished(StopReason.END),
    )


def _matches(canned: _CannedReply, request: ModelRequest) -> bool:
    return (
        request.messages == (Message("user", (Text(canned.user),)),)
        and request.profile.system == canned.system
        and not request.profile.tools
        and request.choices == 1
        and (canned.max_tokens is None or request.settings.max_tokens == canned.max_tokens)
    )
