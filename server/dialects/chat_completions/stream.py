"""A streamed chat completion: each event as the chunks to send for it."""

from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started, Usage
from server.dialects.chat_completions.deltas import Arguments, Call, DeltaBuilder, Piece, Thoughts, Words
from server.dialects.chat_completions.errors import error_reply
from server.dialects.chat_completions.reply_options import ReplyOptions, finish_reason_of, usage_of

_PLAIN = ReplyOptions()


class ChatStream:
    """Makes chunks of the events of one answer, or of several that come side by side."""

    def __init__(self, *, id: str, created: int, model: str, form: ReplyOptions = _PLAIN) -> None:  # noqa: A002 # their word
        self._head: dict[str, object] = {
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._form = form
        self._choices = tuple(DeltaBuilder(form) for _ in range(form.choices))

    def chunks(self, event: Event) -> list[dict[str, object]]:
        """The chunks for `event`, in order, often none. `Failed` gives one error object; nothing may follow it."""
        match event:
            case Started():
                first: dict[str, object] = {"role": "assistant", "content": ""}
                return [self._chunk(choice, first) for choice in range(len(self._choices))]
            case PartStarted() | PartDelta() | PartEnded():
                return self._told(event.choice, self._choices[event.choice].add(event))
            case Finished():
                return self._last(event)
            case Failed():
                return [error_reply(event.error).body]
            case _:
                assert_never(event)

    def _told(self, choice: int, pieces: list[Piece]) -> list[dict[str, object]]:
        deltas = (_delta(piece, is_older=self._form.is_older) for piece in pieces)
        return [self._chunk(choice, delta) for delta in deltas if delta]

    def _last(self, event: Finished) -> list[dict[str, object]]:
        chunks = []
        for choice, pieces in enumerate(self._choices):
            finish = event.reasons[choice] if event.reasons else event.reason
            reason = finish_reason_of(finish, is_answered=pieces.is_answered, is_older=self._form.is_older)
            chunks += self._told(choice, pieces.end())
            chunks.append(self._chunk(choice, {}, finish_reason=reason))
        return [*chunks, self._usage(event.usage)] if self._form.has_usage else chunks

    def _chunk(self, choice: int, delta: dict[str, object], *, finish_reason: str | None = None) -> dict[str, object]:
        chosen = {"index": choice, "delta": delta, "finish_reason": finish_reason}
        chunk: dict[str, object] = {**self._head, "choices": [chosen]}
        return {**chunk, "usage": None} if self._form.has_usage else chunk

    def _usage(self, usage: Usage) -> dict[str, object]:
        return {**self._head, "choices": [], "usage": usage_of(usage)}


def _delta(piece: Piece, *, is_older: bool) -> dict[str, object]:
    """The delta for `piece`; empty for what the older form has no room for, a second call."""
    match piece:
        case Words(text=text):
            return {"content": text}
        case Thoughts(text=text):
            return {"reasoning_content": text}
        case Call() | Arguments() if is_older:
            return {"function_call": _older(piece)} if piece.position == 0 else {}
        case Call(position=position, id=id_, name=name):
            # Id and name once: some clients join what is sent twice to `get_weatherget_weather`.
            function = {"name": name, "arguments": ""}
            return {"tool_calls": [{"index": position, "id": id_, "type": "function", "function": function}]}
        case Arguments(position=position, text=text):
            return {"tool_calls": [{"index": position, "function": {"arguments": text}}]}
        case _:
            assert_never(piece)


def _older(piece: Call | Arguments) -> dict[str, object]:
    return {"name": piece.name, "arguments": ""} if isinstance(piece, Call) else {"arguments": piece.text}
