"""Encodes an answer as the events of a streamed response."""

from collections.abc import Mapping
from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.framing import SSE_COMMENT, json_bytes
from server.dialects.responses.errors import failure_in_stream
from server.dialects.responses.output import Closed, Grown, Opened, OutputItem, Step
from server.dialects.responses.reply import ReplyOptions
from server.dialects.responses.response_object import BEGUN, Outcome, outcome_of
from server.errors import AnswerCut, DrawbridgeError

_DELTAS = {
    "message": "response.output_text.delta",
    "function_call": "response.function_call_arguments.delta",
    "custom_tool_call": "response.custom_tool_call_input.delta",
    "reasoning": "response.reasoning_summary_text.delta",
}


class ResponsesEncoder:
    """Encodes events as server-sent events with sequence numbers."""

    def __init__(self, reply: ReplyOptions) -> None:
        self._reply = reply
        self._builder = reply.builder()
        self._sequence = 0
        # What precedes the sequence number in the deltas of the open item.
        self._opening = b""

    def start(self) -> bytes:
        """The events before the answer."""
        return self._response("response.created", BEGUN) + self._response("response.in_progress", BEGUN)

    def event(self, event: Event) -> bytes:
        """The events for `event`, often none."""
        match event:
            case PartDelta() | PartStarted() | PartEnded():
                return self._steps(self._builder.add(event))
            case Started(model=model):
                self._builder.model = model
                return b""
            case Finished():
                return self._end(event)
            case Failed(error=error):
                return self._fail(error)
            case _:
                assert_never(event)

    def heartbeat(self) -> bytes:
        """A comment, which clients ignore."""
        return SSE_COMMENT

    def end(self) -> bytes:
        """Nothing: the last event is the end."""
        return b""

    def _fail(self, error: DrawbridgeError) -> bytes:
        failure = failure_in_stream(error, is_codex=self._reply.is_codex)
        # An item that is not complete is left out: clients would send the half of it back.
        whole = [item.json() for item in self._builder.items if item.status == "completed"]
        return self._response("response.failed", Outcome("failed", tuple(whole), error=failure))

    def _end(self, finished: Finished) -> bytes:
        try:
            steps = self._steps(self._builder.end(finished.reason))
        except AnswerCut as error:
            return self._fail(error)
        outcome = outcome_of(finished, self._builder.items, self._reply.created)
        self._reply.keep(outcome)
        return steps + self._response(f"response.{outcome.status}", outcome)

    def _response(self, kind: str, outcome: Outcome) -> bytes:
        return self._frame(kind, b'"response":' + self._reply.response.json(outcome))

    def _steps(self, steps: list[Step]) -> bytes:
        return b"".join(map(self._step, steps))

    def _step(self, step: Step) -> bytes:
        match step:
            case Grown(item=item, text=text):
                # A summary begins with its first text: there may be none.
                begin = self._begin_part(item) if item.kind == "reasoning" and len(item.texts) == 1 else b""
                return begin + self._delta(text)
            case Opened(item=item):
                self._opening = self._delta_opening(item) if item.kind in _DELTAS else b""
                frame = self._item_frame("response.output_item.added", item.index, item.opening())
                return frame + (self._begin_part(item) if item.kind == "message" else b"")
            case Closed(item=item):
                return self._close(item)
            case _:
                assert_never(step)

    def _close(self, item: OutputItem) -> bytes:
        if item.kind in {"function_call", "custom_tool_call"} and item.status == "incomplete":
            # Clients run a call when it is done, and this one is not whole.
            return b""
        return self._end_text(item) + self._item_frame("response.output_item.done", item.index, item.json())

    def _end_text(self, item: OutputItem) -> bytes:
        """The events that repeat the whole text."""
        text = item.text
        match item.kind:
            case "message":
                done = self._part_frame("response.output_text.done", item, {"text": text, "logprobs": []})
                return done + self._part_frame("response.content_part.done", item, {"part": _part(item, text)})
            case "reasoning" if text:
                done = self._part_frame("response.reasoning_summary_text.done", item, {"text": text})
                part = {"part": _part(item, text)}
                return done + self._part_frame("response.reasoning_summary_part.done", item, part)
            case "function_call":
                call = {"name": item.tool.name, "arguments": text}
                return self._part_frame("response.function_call_arguments.done", item, call)
            case "custom_tool_call":
                return self._part_frame("response.custom_tool_call_input.done", item, {"input": text})
            case _:
                return b""

    def _begin_part(self, item: OutputItem) -> bytes:
        kind = "content_part" if item.kind == "message" else "reasoning_summary_part"
        return self._part_frame(f"response.{kind}.added", item, {"part": _part(item, "")})

    def _delta(self, text: str) -> bytes:
        number, self._sequence = self._sequence, self._sequence + 1
        return self._opening + b'%d,"delta":' % number + json_bytes(text) + b"}\n\n"

    def _delta_opening(self, item: OutputItem) -> bytes:
        kind = _DELTAS[item.kind]
        more: dict[str, object] = {"logprobs": []} if item.kind == "message" else {}
        head = json_bytes({"type": kind, **_place(item), **more})[:-1]
        return f"event: {kind}\ndata: ".encode() + head + b',"sequence_number":'

    def _item_frame(self, kind: str, index: int, item: dict[str, object]) -> bytes:
        return self._frame(kind, json_bytes({"output_index": index, "item": item})[1:-1])

    def _part_frame(self, kind: str, item: OutputItem, more: Mapping[str, object]) -> bytes:
        return self._frame(kind, json_bytes({**_place(item), **more})[1:-1])

    def _frame(self, kind: str, fields: bytes) -> bytes:
        number, self._sequence = self._sequence, self._sequence + 1
        name = kind.encode()
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (name, name, number, fields)


def _place(item: OutputItem) -> dict[str, object]:
    place: dict[str, object] = {"item_id": item.id, "output_index": item.index}
    if item.kind == "message":
        place["content_index"] = 0
    elif item.kind == "reasoning":
        place["summary_index"] = 0
    return place


def _part(item: OutputItem, text: str) -> dict[str, object]:
    if item.kind == "reasoning":
        return {"type": "summary_text", "text": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
