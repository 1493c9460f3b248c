"""Encodes an answer as a stream of chat completion chunks."""

from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.chat_completions.reply_options import ReplyOptions, finish_reason_of
from server.dialects.common.answers.deltas import (
    ArgumentsDelta,
    CallDelta,
    Delta,
    ReasoningDelta,
    TextDelta,
)
from server.dialects.common.openai_errors import error_reply
from server.dialects.common.openai_usage import usage_of
from server.dialects.framing import SSE_COMMENT, SSE_DONE, json_bytes, sse_frame

_ROLE = b'{"role":"assistant","content":""}'


class ChatEncoder:
    """Encodes events as server-sent events. The JSON around the deltas of one choice is serialized once."""

    def __init__(self, *, id: str, created: int, model: str, options: ReplyOptions) -> None:  # noqa: A002 # the API's word
        self._head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._options = options
        self._builders = tuple(options.delta_builder() for _ in range(options.choices))
        opening = b"data: " + json_bytes(self._head)[:-1]
        self._opening = tuple(opening + b',"choices":[{"index":%d,"delta":' % n for n in range(options.choices))
        self._closing = b'}],"usage":null}\n\n' if options.include_usage else b"}]}\n\n"

    def start(self) -> bytes:
        """Nothing: simple clients parse the first line as JSON, so it is a comment only in a silence."""
        return b""

    def event(self, event: Event) -> bytes:
        """The chunks for `event`, often none; one error object for `Failed`."""
        match event:
            case PartDelta() | PartStarted() | PartEnded():
                return self._chunks(event.choice, self._builders[event.choice].add(event))
            case Started():
                return b"".join(self._chunk(choice, _ROLE) for choice in range(self._options.choices))
            case Finished():
                return self._last_chunks(event)
            case Failed():
                return sse_frame(error_reply(event.error).body)
            case _:
                assert_never(event)

    def heartbeat(self) -> bytes:
        """A comment, which clients ignore."""
        return SSE_COMMENT

    def end(self) -> bytes:
        """The end mark of OpenAI's streams."""
        return SSE_DONE

    def _last_chunks(self, event: Finished) -> bytes:
        frames = []
        for choice, builder in enumerate(self._builders):
            reason = event.reasons[choice] if event.reasons else event.reason
            finish = finish_reason_of(reason, is_answer=builder.is_answer, is_legacy=self._options.is_legacy)
            frames += [self._chunks(choice, builder.end()), self._chunk(choice, b"{}", json_bytes(finish))]
        if self._options.include_usage:
            frames.append(sse_frame({**self._head, "choices": [], "usage": usage_of(event.usage)}))
        return b"".join(frames)

    def _chunks(self, choice: int, deltas: list[Delta]) -> bytes:
        is_legacy = self._options.is_legacy
        # The legacy form has room for one call.
        return b"".join(
            self._chunk(choice, _delta_json(delta, is_legacy=is_legacy))
            for delta in deltas
            if not (is_legacy and isinstance(delta, CallDelta | ArgumentsDelta) and delta.position > 0)
        )

    def _chunk(self, choice: int, delta: bytes, finish_reason: bytes = b"null") -> bytes:
        return b"".join((self._opening[choice], delta, b',"finish_reason":', finish_reason, self._closing))


def _delta_json(delta: Delta, *, is_legacy: bool) -> bytes:
    match delta:
        case TextDelta(text=text):
            return b'{"content":' + json_bytes(text) + b"}"
        case ReasoningDelta(text=text):
            return b'{"reasoning_content":' + json_bytes(text) + b"}"
        case CallDelta(position=position, id=id_, name=name):
            function = {"name": name, "arguments": ""}
            # Id and name only once: some clients join repeated ones to `get_weatherget_weather`.
            call = {"index": position, "id": id_, "type": "function", "function": function}
            return json_bytes({"function_call": function} if is_legacy else {"tool_calls": [call]})
        case ArgumentsDelta(position=position, text=text):
            function = {"arguments": text}
            more = {"index": position, "function": function}
            return json_bytes({"function_call": function} if is_legacy else {"tool_calls": [more]})
        case _:
            assert_never(delta)
