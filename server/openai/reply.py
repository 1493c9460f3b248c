"""Answers in OpenAI's chat form: chunk by chunk, or whole as the fold of the same chunks.

Thinking is not shown. Ids and times are passed in.
"""

from dataclasses import dataclass, field
from typing import assert_never

from server.dialogue import (
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Reason,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from server.errors import AnswerCut
from server.openai.problems import problem_for


@dataclass(frozen=True, slots=True)
class _Words:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class _Call:
    """A tool call begins; `position` counts the calls of this answer."""

    position: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class _Arguments:
    """More JSON text of a call's arguments."""

    position: int
    text: str


_Piece = _Words | _Call | _Arguments


class _Parts:
    """What of a stream of parts OpenAI's clients get to see: words, and tool calls counted from 0."""

    def __init__(self) -> None:
        self._calls: dict[int, int] = {}
        self._without_arguments: set[int] = set()
        self._thoughts: set[int] = set()

    def piece(self, event: PartStarted | PartDelta | PartEnded) -> _Piece | None:
        """What `event` adds to the answer; None where it adds nothing."""
        match event:
            case PartStarted():
                return self._started(event)
            case PartDelta():
                return self._more(event)
            case PartEnded():
                if event.index in self._without_arguments:
                    # A call without arguments streams no JSON at all, and clients parse "" and fail.
                    return _Arguments(self._calls[event.index], "{}")
                return None
            case _:
                assert_never(event)

    def _started(self, event: PartStarted) -> _Piece | None:
        match event.part:
            case ToolCall(id=id_, name=name):
                self._calls[event.index] = len(self._calls)
                self._without_arguments.add(event.index)
                return _Call(self._calls[event.index], id_, name)
            case Thinking():
                self._thoughts.add(event.index)
                return None
            case Text():
                return None
            case _:
                assert_never(event.part)

    def _more(self, event: PartDelta) -> _Piece | None:
        if event.index in self._thoughts or not event.text:
            return None
        if event.index in self._calls:
            self._without_arguments.discard(event.index)
            return _Arguments(self._calls[event.index], event.text)
        return _Words(event.text)


class ChatStream:
    """A streamed chat completion: each event as the chunks to send for it."""

    def __init__(self, *, id: str, created: int, model: str, include_usage: bool = False) -> None:  # noqa: A002 # their word
        self._head: dict[str, object] = {
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._include_usage = include_usage
        self._parts = _Parts()

    def chunks(self, event: Event) -> list[dict[str, object]]:
        """The chunks for `event`, in order, often none. `Failed` gives one error object; nothing may follow it."""
        match event:
            case Started():
                return [self._chunk({"role": "assistant", "content": ""})]
            case PartStarted() | PartDelta() | PartEnded():
                piece = self._parts.piece(event)
                return [] if piece is None else [self._chunk(_delta(piece))]
            case Finished():
                last = self._chunk({}, finish_reason=_finish_reason(event.reason))
                return [last, self._usage(event.usage)] if self._include_usage else [last]
            case Failed():
                return [problem_for(event.error).body]
            case _:
                assert_never(event)

    def _chunk(self, delta: dict[str, object], *, finish_reason: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk: dict[str, object] = {**self._head, "choices": [choice]}
        return {**chunk, "usage": None} if self._include_usage else chunk

    def _usage(self, usage: Usage) -> dict[str, object]:
        return {**self._head, "choices": [], "usage": _usage(usage)}


@dataclass(slots=True)
class _FoldedCall:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)


class ChatFold:
    """A whole chat completion: the fold of the pieces that a stream would have sent."""

    def __init__(self, *, id: str, created: int, model: str) -> None:  # noqa: A002 # their word
        self._head: dict[str, object] = {"id": id, "object": "chat.completion", "created": created, "model": model}
        self._parts = _Parts()
        self._words: list[str] = []
        self._calls: list[_FoldedCall] = []
        self._finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Takes the next event. Raises the error of a `Failed`."""
        match event:
            case Started():
                pass
            case PartStarted() | PartDelta() | PartEnded():
                self._fold(self._parts.piece(event))
            case Finished():
                self._finished = event
            case Failed():
                raise event.error
            case _:
                assert_never(event)

    def completion(self) -> dict[str, object]:
        """The reply. Raises `AnswerCut` when no `Finished` was added: what came so far must not pass for an answer."""
        if self._finished is None:
            raise AnswerCut
        reason = _finish_reason(self._finished.reason)
        choice = {"index": 0, "message": self._message(), "logprobs": None, "finish_reason": reason}
        return {**self._head, "choices": [choice], "usage": _usage(self._finished.usage)}

    def _fold(self, piece: _Piece | None) -> None:
        match piece:
            case None:
                pass
            case _Words(text=text):
                self._words.append(text)
            case _Call(id=id_, name=name):
                self._calls.append(_FoldedCall(id_, name))
            case _Arguments(position=position, text=text):
                self._calls[position].arguments.append(text)
            case _:
                assert_never(piece)

    def _message(self) -> dict[str, object]:
        content = "".join(self._words)
        if not self._calls:
            # Always a text: Talon strips it without a look.
            return {"role": "assistant", "content": content, "refusal": None}
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": "".join(call.arguments)}}
            for call in self._calls
        ]
        return {"role": "assistant", "content": content or None, "refusal": None, "tool_calls": calls}


def _delta(piece: _Piece) -> dict[str, object]:
    match piece:
        case _Words(text=text):
            return {"content": text}
        case _Call(position=position, id=id_, name=name):
            # Id and name once: some clients join what is sent twice to `get_weatherget_weather`.
            function = {"name": name, "arguments": ""}
            return {"tool_calls": [{"index": position, "id": id_, "type": "function", "function": function}]}
        case _Arguments(position=position, text=text):
            return {"tool_calls": [{"index": position, "function": {"arguments": text}}]}
        case _:
            assert_never(piece)


def _finish_reason(reason: Reason) -> str:
    match reason:
        case Reason.END | Reason.STOP_SEQUENCE:
            return "stop"
        case Reason.LENGTH:
            return "length"
        case Reason.TOOL_CALLS:
            return "tool_calls"
        case Reason.REFUSAL:
            return "content_filter"
        case _:
            assert_never(reason)


def _usage(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking},
    }
