"""Scripts for the stand-in's answers, as frozen values: text, thinking, tool calls, pauses, disconnects, errors.

say("Hello", " there!")                                   an answer of two deltas
say("Hello", Cut())                                       the connection closes after the first delta
say("Hello", Hold(gate), " there!")                       the second delta waits for `gate.open()`
say("Hello", before_headers=(Hold(gate),))                no status line until then
refuse(429, headers={"retry-after": "17"})                an error of the API
Reply((Thinking(("Hm.",)), call("look", {"at": "it"})), stop_reason="tool_use")
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
]

ERROR_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {
    400: "messages: the request is not valid",
    401: "invalid x-api-key",
    402: "Your credit balance is too low to access the Anthropic API.",
    403: "Your API key does not have permission to use the specified resource.",
    404: "Not found",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your account's rate limit. Please try again later.",
    500: "Internal server error",
    504: "The request timed out",
    529: "Overloaded",
}


class Gate:
    """A point in an answer at which it waits until the gate is opened. An open gate stays open."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Releases the waiting answer and all later ones."""
        self._opened.set()

    async def reached(self) -> None:
        """Waits until an answer is at the gate and everything before it has been sent."""
        await self._reached.wait()

    async def pass_through(self) -> None:
        """Waits at the gate; called by the stand-in."""
        self._reached.set()
        await self._opened.wait()


@dataclass(frozen=True, slots=True)
class Pause:
    """Sends nothing for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Sends nothing until `gate` is opened; with a gate that stays closed, the answer stalls."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class Cut:
    """Closes the connection in the middle of the answer; with `reset` by RST, as a broken network does."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class StreamError:
    """An error event inside the stream, after which the stream ends."""

    kind: str = "overloaded_error"
    message: str = "Overloaded"


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping event, as the API sends during pauses."""


@dataclass(frozen=True, slots=True)
class Cite:
    """A citation of the text so far; only in a text block."""

    citation: Mapping[str, object]


Step = Pause | Hold | Cut | StreamError | Ping


@dataclass(frozen=True, slots=True)
class Text:
    """A text block."""

    deltas: tuple[str | Cite | Step, ...]


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking block with its signature."""

    deltas: tuple[str | Step, ...]
    signature: str = "c2VhbGVkIGJ5IHRoZSBzdGFuZC1pbg=="


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """Encrypted thinking that only the API can read."""

    data: str = "cmVkYWN0ZWQgYnkgdGhlIHN0YW5kLWlu"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call; the deltas joined are the JSON text of its input. `id` None: a unique one is generated."""

    name: str
    deltas: tuple[str | Step, ...]
    id: str | None = None


Block = Text | Thinking | RedactedThinking | ToolUse


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the API counts them: the prompt is the sum of three; `output_tokens` includes `thinking_tokens`."""

    input_tokens: int = 10
    cache_creation_input_tokens: int = 2
    cache_read_input_tokens: int = 3
    output_tokens: int = 5
    thinking_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with status 200: blocks, and steps between them. Without a stop reason the stream just ends.

    `before_headers` steps come before the status line, `before_start` after the headers, `before_stop` between
    `message_delta` and `message_stop`.
    """

    parts: tuple[Block | Step, ...] = ()
    stop_reason: StopReason | None = "end_turn"
    stop_sequence: str | None = None
    usage: Usage = Usage()
    headers: tuple[tuple[str, str], ...] = ()
    before_headers: tuple[Step, ...] = ()
    before_start: tuple[Step, ...] = ()
    before_stop: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error status. `body` None: the API's error JSON with `kind` and `message`."""

    status: int
    kind: str = "api_error"
    message: str = "Internal server error"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    content_type: str = "application/json"
    before_headers: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """Closes the connection without sending a byte; with `reset` by RST."""

    reset: bool = False
    before_headers: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer with status 200 whose body is not a message."""

    body: str
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    before_headers: tuple[Step, ...] = ()


Script = Reply | Refusal | Drop | Plain


def say(
    *deltas: str | Cite | Step,
    gap_s: float = 0.0,
    stop_reason: StopReason | None = "end_turn",
    stop_sequence: str | None = None,
    usage: Usage = Usage(),  # frozen
    before_headers: tuple[Step, ...] = (),
    before_start: tuple[Step, ...] = (),
    before_stop: tuple[Step, ...] = (),
) -> Reply:
    """An answer of one text block, with `gap_s` between its deltas; without deltas, an answer without blocks."""
    return Reply(
        parts=(Text(with_gaps(deltas, gap_s)),) if deltas else (),
        stop_reason=stop_reason,
        stop_sequence=stop_sequence,
        usage=usage,
        before_headers=before_headers,
        before_start=before_start,
        before_stop=before_stop,
    )


def with_gaps(deltas: tuple[str | Cite | Step, ...], gap_s: float) -> tuple[str | Cite | Step, ...]:
    """The deltas with a pause of `gap_s` between them."""
    if gap_s <= 0:
        return deltas
    spaced: list[str | Cite | Step] = []
    for delta in deltas:
        spaced += [Pause(gap_s), delta] if spaced else [delta]
    return tuple(spaced)


def call(name: str, arguments: Mapping[str, object], *, id: str | None = None, delta_size: int = 8) -> ToolUse:  # noqa: A002 # the API's word
    """A tool call whose input is sent in deltas of `delta_size` characters."""
    text = json.dumps(arguments, ensure_ascii=False)
    return ToolUse(name, tuple(text[at : at + delta_size] for at in range(0, len(text), delta_size)), id=id)


def refuse(status: int, message: str | None = None, *, headers: Mapping[str, str] | None = None) -> Refusal:
    """An error as the API sends it; `message` defaults to the API's own for this status."""
    return Refusal(
        status=status,
        kind=ERROR_KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error"),
        message=message if message is not None else _MESSAGES.get(status, "Internal server error"),
        headers=tuple((headers or {}).items()),
    )
