"""Converts events to the content blocks of an answer: text, thinking with its signature, and tool calls."""

import json
from dataclasses import dataclass
from typing import Literal, assert_never

from server.conversation.events import AnswerPart, Event, Finished, PartDelta, PartEnded, PartStarted
from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall
from server.dialects.common.answers.answer_events import AnswerEvents
from server.dialects.messages.reply_options import ReplyOptions

DeltaKind = Literal["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"]
DELTA_FIELDS: dict[DeltaKind, str] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
    "citations_delta": "citation",
}
"""The field of a delta that holds its text; a citation is JSON."""


@dataclass(frozen=True, slots=True)
class BlockStarted:
    """The block `number` begins; its text follows in deltas."""

    number: int
    block: dict[str, object]


@dataclass(frozen=True, slots=True)
class BlockDelta:
    """More of the block `number`."""

    number: int
    kind: DeltaKind
    text: str


@dataclass(frozen=True, slots=True)
class BlockEnded:
    """The block `number` is complete."""

    number: int


Step = BlockStarted | BlockDelta | BlockEnded | Finished


class BlockBuilder:
    """Takes the events of one answer in order. Blocks are numbered without gaps, whatever is left out."""

    def __init__(self, options: ReplyOptions) -> None:
        self._options = options
        self._answer = AnswerEvents(options.answer)
        self._started = 0
        # The open parts: number and kind of their deltas.
        self._open: dict[int, tuple[int, DeltaKind]] = {}
        self._without_arguments: set[int] = set()

    def add(self, event: Event) -> list[Step]:
        """The steps for `event`, often none; `Finished` with the reason that the client must see."""
        return [step for shown in self._answer.feed(event) for step in self._steps(shown)]

    def _steps(self, event: Event) -> list[Step]:
        match event:
            case PartDelta(index=index, text=text):
                if (known := self._open.get(index)) is None:
                    return []
                if event.citation is not None:
                    return [BlockDelta(known[0], "citations_delta", event.citation)]
                if not text:
                    return []
                self._without_arguments.discard(index)
                return [BlockDelta(*known, text)]
            case PartStarted(index=index, part=part):
                return self._start(index, part)
            case PartEnded(index=index, signature=signature):
                return self._end(index, signature)
            case Finished():
                return [event]
        return []

    def _start(self, index: int, part: AnswerPart) -> list[Step]:
        if isinstance(part, Thinking | RedactedThinking) and not self._options.shows_thinking:
            return []
        number, self._started = self._started, self._started + 1
        match part:
            case Text():
                self._open[index] = number, "text_delta"
                return [BlockStarted(number, {"type": "text", "text": ""})]
            case Thinking():
                self._open[index] = number, "thinking_delta"
                return [BlockStarted(number, {"type": "thinking", "thinking": "", "signature": ""})]
            case RedactedThinking(data=data):
                self._open[index] = number, "thinking_delta"
                return [BlockStarted(number, {"type": "redacted_thinking", "data": data})]
            case ToolCall(id=id_, name=name):
                self._open[index] = number, "input_json_delta"
                self._without_arguments.add(index)
                return [BlockStarted(number, {"type": "tool_use", "id": id_, "name": name, "input": {}})]
            case _:
                assert_never(part)

    def _end(self, index: int, signature: str | None) -> list[Step]:
        if (known := self._open.pop(index, None)) is None:
            return []
        number, _ = known
        steps: list[Step] = [BlockDelta(number, "signature_delta", signature)] if signature else []
        if index in self._without_arguments:
            # Clients fail to parse the arguments "".
            steps.append(BlockDelta(number, "input_json_delta", "{}"))
        return [*steps, BlockEnded(number)]


def whole_block(block: dict[str, object], deltas: list[BlockDelta]) -> dict[str, object]:
    """A block with the text of its deltas."""
    texts: dict[DeltaKind, list[str]] = {}
    for delta in deltas:
        texts.setdefault(delta.kind, []).append(delta.text)
    whole = dict(block)
    for kind, parts in texts.items():
        if kind == "input_json_delta":
            whole["input"] = _object("".join(parts))
        elif kind == "citations_delta":
            whole["citations"] = [json.loads(part) for part in parts]
        else:
            whole[DELTA_FIELDS[kind]] = "".join(parts)
    return whole


def _object(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return {}
