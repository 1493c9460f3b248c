"""What the stand-in answers, step by step: text, thoughts, calls, waits, breaks and refusals, as frozen values.

say("Hello", " there!")                                   an answer of two pieces
say("Hello", Cut())                                       the connection breaks after the first word
say("Hello", Hold(gate), " there!")                       the second word waits until `gate.open()`
say("Hello", before_headers=(Hold(gate),))                not even a status line until then
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
    """A point in an answer at which it waits until the gate is opened; once open it stays open."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Lets the answer, and all that come later, go on."""
        self._opened.set()

    async def reached(self) -> None:
        """Returns when an answer stands at the gate: all that comes before it has been sent."""
        await self._reached.wait()

    async def pass_through(self) -> None:
        """What the stand-in does at the gate."""
        self._reached.set()
        await self._opened.wait()


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is sent until `gate` is opened. A gate that nobody opens is a stall."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is closed here, in the middle of things; with `reset` as if the network had broken (RST)."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class StreamError:
    """An error event inside the stream, after which the stream ends."""

    kind: str = "overloaded_error"
    message: str = "Overloaded"


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping event, as the API sends while it thinks."""


Step = Pause | Hold | Cut | StreamError | Ping


@dataclass(frozen=True, slots=True)
class Text:
    """A text block; each piece is one delta."""

    pieces: tuple[str | Step, ...]


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking block; each piece is one delta. `signature` seals it."""

    pieces: tuple[str | Step, ...]
    signature: str = "c2VhbGVkIGJ5IHRoZSBzdGFuZC1pbg=="


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """A thought that only the API can read."""

    data: str = "cmVkYWN0ZWQgYnkgdGhlIHN0YW5kLWlu"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call; the pieces together are the JSON text of its input. `id` None: one is made that is not used twice."""

    name: str
    pieces: tuple[str | Step, ...]
    id: str | None = None


Block = Text | Thinking | RedactedThinking | ToolUse


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the API counts them; `output_tokens` includes `thinking_tokens`. The prompt is the sum of three."""

    input_tokens: int = 10
    cache_creation_input_tokens: int = 2
    cache_read_input_tokens: int = 3
    output_tokens: int = 5
    thinking_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with status 200: blocks and, between them, steps. Without a stop reason the stream just ends.

    `before_headers`: not even the status line has been sent. `before_start`: only headers have.
    `before_stop`: between `message_delta` and `message_stop`.
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
    """An error status. `body` None: the API's own JSON with `kind` and `message`."""

    status: int
    kind: str = "api_error"
    message: str = "Internal server error"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    content_type: str = "application/json"
    before_headers: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection closes before a single byte, with `reset` by RST."""

    reset: bool = False
    before_headers: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Plain:
    """Status 200 with a body that is no message."""

    body: str
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    before_headers: tuple[Step, ...] = ()


Script = Reply | Refusal | Drop | Plain


def say(
    *pieces: str | Step,
    gap_s: float = 0.0,
    stop_reason: StopReason | None = "end_turn",
    stop_sequence: str | None = None,
    usage: Usage = Usage(),  # frozen
    before_headers: tuple[Step, ...] = (),
    before_start: tuple[Step, ...] = (),
    before_stop: tuple[Step, ...] = (),
) -> Reply:
    """One text block, each piece a delta, `gap_s` between them; without pieces an answer without blocks."""
    return Reply(
        parts=(Text(with_gaps(pieces, gap_s)),) if pieces else (),
        stop_reason=stop_reason,
        stop_sequence=stop_sequence,
        usage=usage,
        before_headers=before_headers,
        before_start=before_start,
        before_stop=before_stop,
    )


def with_gaps(pieces: tuple[str | Step, ...], gap_s: float) -> tuple[str | Step, ...]:
    """The pieces with a pause of `gap_s` between them."""
    if gap_s <= 0:
        return pieces
    spaced: list[str | Step] = []
    for piece in pieces:
        spaced += [Pause(gap_s), piece] if spaced else [piece]
    return tuple(spaced)


def call(name: str, arguments: Mapping[str, object], *, id: str | None = None, piece: int = 8) -> ToolUse:  # noqa: A002 # its word
    """A call whose input is written in pieces of `piece` characters."""
    text = json.dumps(arguments, ensure_ascii=False)
    return ToolUse(name, tuple(text[at : at + piece] for at in range(0, len(text), piece)), id=id)


def refuse(
    status: int, message: str | None = None, *, kind: str | None = None, headers: Mapping[str, str] | None = None
) -> Refusal:
    """An error as the API writes it: its kind for this status unless another is given."""
    return Refusal(
        status=status,
        kind=kind or ERROR_KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error"),
        message=message if message is not None else _MESSAGES.get(status, "Internal server error"),
        headers=tuple((headers or {}).items()),
    )


def bad_gateway(status: int = 502) -> Refusal:
    """What a proxy in between answers: a page for people, not the API's JSON."""
    page = f"<html><head><title>{status} Bad Gateway</title></head><body><h1>{status} Bad Gateway</h1></body></html>"
    return Refusal(status=status, body=page, content_type="text/html")
