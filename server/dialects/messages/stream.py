"""Encodes an answer as the events of a streamed message."""

from typing import assert_never

from server.conversation.events import Event, Failed, Finished, Started
from server.dialects.framing import json_bytes, sse_frame
from server.dialects.messages.blocks import (
    DELTA_FIELDS,
    BlockBuilder,
    BlockDelta,
    BlockEnded,
    BlockStarted,
    DeltaKind,
    Step,
)
from server.dialects.messages.errors import error_body
from server.dialects.messages.reply_options import ReplyOptions, end_usage_of, message_head, stop_reason_of, usage_of

_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_OPENINGS: dict[DeltaKind, bytes] = {
    kind: b',"delta":{"type":"%s","%s":' % (kind.encode(), field.encode()) for kind, field in DELTA_FIELDS.items()
}


class MessagesEncoder:
    """Encodes events as server-sent events with names, which Anthropic's libraries need."""

    def __init__(self, options: ReplyOptions) -> None:
        self._options = options
        self._builder = BlockBuilder(options)

    def start(self) -> bytes:
        """Nothing: the first event names the answering model and its input tokens."""
        return b""

    def event(self, event: Event) -> bytes:
        """The events for `event`, often none; one error for `Failed`."""
        match event:
            case Started():
                return self._start_of_message(event)
            case Failed():
                return sse_frame(error_body(event.error, self._options.request_id), "error")
            case _:
                return b"".join(map(_frame, self._builder.add(event)))

    def heartbeat(self) -> bytes:
        """A ping, which all clients know."""
        return _PING

    def end(self) -> bytes:
        """The last event."""
        return _STOP

    def _start_of_message(self, started: Started) -> bytes:
        message = {
            **message_head(self._options, started),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_of(started.usage),
        }
        return sse_frame({"type": "message_start", "message": message}, "message_start") + _PING


def _frame(step: Step) -> bytes:
    match step:
        case BlockDelta(number=number, kind=kind, text=text):
            head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d' % number
            written = text.encode() if kind == "citations_delta" else json_bytes(text)
            return b"".join((head, _OPENINGS[kind], written, b"}}\n\n"))
        case BlockStarted(number=number, block=block):
            value: dict[str, object] = {"type": "content_block_start", "index": number, "content_block": block}
            return sse_frame(value, "content_block_start")
        case BlockEnded(number=number):
            return sse_frame({"type": "content_block_stop", "index": number}, "content_block_stop")
        case Finished():
            delta = {"stop_reason": stop_reason_of(step.reason), "stop_sequence": step.stop_sequence}
            return sse_frame(
                {"type": "message_delta", "delta": delta, "usage": end_usage_of(step.usage)}, "message_delta"
            )
        case _:
            assert_never(step)
