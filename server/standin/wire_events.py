"""Turns a script into actions on the wire, in order: headers, body bytes, pauses, disconnects."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from server.standin.script import (
    Block,
    Cite,
    Cut,
    Drop,
    Hold,
    Pause,
    Ping,
    Plain,
    RedactedThinking,
    Refusal,
    Reply,
    Script,
    Step,
    StreamError,
    Text,
    Thinking,
    ToolUse,
)


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and the headers."""

    status: int
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes of the body, sent at once."""

    content: bytes


Action = Head | Body | Pause | Hold | Cut
Event = dict[str, object]


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What an answer takes from its request: the number, the model's name, and whether to stream."""

    number: int
    model: str
    stream: bool

    @property
    def request_id(self) -> str:
        """The request id in headers and error bodies."""
        return f"req_standin{self.number:08d}"


def actions_for(script: Script, context: ReplyContext) -> Iterator[Action]:
    """The actions in order. A `Cut` is the last one."""
    for step in script.before_headers:
        if not isinstance(step, Pause | Hold | Cut):
            raise TypeError(f"{step!r} cannot come before the headers")
        yield step
    match script:
        case Drop():
            yield Cut(reset=script.reset)
        case Refusal():
            body = script.body.encode() if script.body is not None else None
            body = body if body is not None else error_body(script.kind, script.message, context.request_id)
            yield from _single_body(script.status, script.content_type, body, script.headers, context)
        case Plain():
            yield from _single_body(200, script.content_type, script.body.encode(), script.headers, context)
        case Reply():
            yield from _stream(script, context) if context.stream else _whole(script, context)
        case _:
            assert_never(script)


def error_body(kind: str, message: str, request_id: str) -> bytes:
    """An error as the API sends it."""
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    return json.dumps(error).encode()


def _single_body(
    status: int, content_type: str, body: bytes, headers: tuple[tuple[str, str], ...], context: ReplyContext
) -> Iterator[Action]:
    """An answer that is not streamed."""
    own = (("content-type", content_type), ("content-length", str(len(body))), ("request-id", context.request_id))
    yield Head(status, (*own, *headers))
    yield Body(body)


def _stream(reply: Reply, context: ReplyContext) -> Iterator[Action]:
    yield Head(
        200,
        (
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("request-id", context.request_id),
            *reply.headers,
        ),
    )
    for item in _events(reply, context):
        if isinstance(item, dict):
            yield Body(f"event: {item['type']}\ndata: {json.dumps(item, ensure_ascii=False)}\n\n".encode())
            if item["type"] == "error":
                return
        else:
            yield item


def _whole(reply: Reply, context: ReplyContext) -> Iterator[Action]:
    """The answer without streaming: the events folded into one body, all pauses and cuts before its headers."""
    message: dict[str, object] = {}
    for item in _events(reply, context):
        if not isinstance(item, dict):
            yield item
        elif item["type"] == "error":
            error = item["error"]
            assert isinstance(error, dict)
            refused = error_body(error["type"], error["message"], context.request_id)
            yield from _single_body(529, "application/json", refused, (), context)
            return
        else:
            _fold(message, item)
    body = json.dumps(message, ensure_ascii=False).encode()
    yield from _single_body(200, "application/json", body, reply.headers, context)


def _events(reply: Reply, context: ReplyContext) -> Iterator[Event | Pause | Hold | Cut]:
    """The events of the stream, as dictionaries, with the pauses and cuts between them."""
    yield from _steps(reply.before_start)
    yield _message_start(reply, context)
    index = 0
    for part in reply.parts:
        if isinstance(part, Text | Thinking | RedactedThinking | ToolUse):
            yield from _block(part, index, context)
            index += 1
        else:
            yield from _steps((part,))
    if reply.stop_reason is None:
        return
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reply.stop_reason, "stop_sequence": reply.stop_sequence, "stop_details": None},
        "usage": _usage(reply, output_tokens=reply.usage.output_tokens)
        | {"output_tokens_details": {"thinking_tokens": reply.usage.thinking_tokens}},
    }
    yield from _steps(reply.before_stop)
    yield {"type": "message_stop"}


def _message_start(reply: Reply, context: ReplyContext) -> Event:
    message: Event = {
        "id": f"msg_standin{context.number:08d}",
        "type": "message",
        "role": "assistant",
        "model": context.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": _usage(reply, output_tokens=min(1, reply.usage.output_tokens)) | {"service_tier": "standard"},
    }
    return {"type": "message_start", "message": message}


def _usage(reply: Reply, *, output_tokens: int) -> dict[str, object]:
    return {
        "input_tokens": reply.usage.input_tokens,
        "cache_creation_input_tokens": reply.usage.cache_creation_input_tokens,
        "cache_read_input_tokens": reply.usage.cache_read_input_tokens,
        "output_tokens": output_tokens,
    }


def _block(block: Block, index: int, context: ReplyContext) -> Iterator[Event | Pause | Hold | Cut]:
    start: Event
    match block:
        case Text():
            start, delta, key = {"type": "text", "text": ""}, "text_delta", "text"
        case Thinking():
            start, delta, key = {"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"
        case RedactedThinking():
            start, delta, key = {"type": "redacted_thinking", "data": block.data}, "", ""
        case ToolUse():
            call_id = block.id or f"toolu_standin{context.number:08d}_{index}"
            start = {"type": "tool_use", "id": call_id, "name": block.name, "input": {}}
            delta, key = "input_json_delta", "partial_json"
        case _:
            assert_never(block)
    yield {"type": "content_block_start", "index": index, "content_block": start}
    if index == 0:
        yield {"type": "ping"}
    for part in () if isinstance(block, RedactedThinking) else block.deltas:
        if isinstance(part, str):
            yield {"type": "content_block_delta", "index": index, "delta": {"type": delta, key: part}}
        elif isinstance(part, Cite):
            cited = {"type": "citations_delta", "citation": dict(part.citation)}
            yield {"type": "content_block_delta", "index": index, "delta": cited}
        else:
            yield from _steps((part,))
    if isinstance(block, Thinking):
        signature = {"type": "signature_delta", "signature": block.signature}
        yield {"type": "content_block_delta", "index": index, "delta": signature}
    yield {"type": "content_block_stop", "index": index}


def _steps(steps: tuple[Step, ...]) -> Iterator[Event | Pause | Hold | Cut]:
    for step in steps:
        match step:
            case Ping():
                yield {"type": "ping"}
            case StreamError():
                yield {"type": "error", "error": {"type": step.kind, "message": step.message}}
            case Pause() | Hold() | Cut():
                yield step
            case _:
                assert_never(step)


def _fold(message: dict[str, object], event: Event) -> None:
    """Adds one event to the message."""
    content = message.get("content")
    match event:
        case {"type": "message_start", "message": dict(start)}:
            message.update(start)
        case {"type": "content_block_start", "content_block": dict(block)} if isinstance(content, list):
            content.append(dict(block))
        case {"type": "content_block_delta", "delta": dict(delta)} if isinstance(content, list):
            _fold_delta(content[-1], delta)
        case {"type": "content_block_stop"} if isinstance(content, list):
            written = content[-1].pop("written", None)
            if written is not None:
                content[-1]["input"] = json.loads(written)
        case {"type": "message_delta", "delta": dict(delta), "usage": dict(usage)}:
            before = message["usage"]
            assert isinstance(before, dict)
            message.update(delta, usage=before | usage)


def _fold_delta(block: dict[str, object], delta: dict[str, object]) -> None:
    for key, value in delta.items():
        if key == "citation":
            block["citations"] = [*block.get("citations", ()), value]  # type: ignore[misc] # a list, put here
        elif key != "type":
            place = "written" if key == "partial_json" else key
            block[place] = f"{block.get(place, '')}{value}"
