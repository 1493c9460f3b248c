"""Builds the output items of an answer from its events: messages, calls and reasoning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

from server.conversation.events import PartDelta, PartEnded, PartStarted, StopReason
from server.conversation.parts import RedactedThinking, Thinking
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.deltas import ArgumentsDelta, CallDelta, DeltaBuilder, ReasoningDelta, TextDelta
from server.dialects.common.sealed import Seal, sealed_thought

Kind = Literal["message", "function_call", "custom_tool_call", "reasoning", "compaction"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
_PREFIXES: Mapping[Kind, str] = {
    "message": "msg",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "reasoning": "rs",
    "compaction": "cmp",
}


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as the client knows it. Inside a namespace, its name may differ from the one that Claude knows."""

    name: str
    namespace: str | None = None
    takes_text: bool = False


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How to build the output. `tools` maps Claude's names to the client's tools; `shows_reasoning`: with reasoning."""

    token: str
    seal: Seal
    tools: Mapping[str, ClientTool] = field(default_factory=dict)
    answer: AnswerFormat | None = None
    shows_reasoning: bool = False


@dataclass(slots=True)
class OutputItem:
    """An item. `call_id` and `tool` are those of a call, `sealed` is a thought as the client keeps it."""

    kind: Kind
    index: int
    id: str
    call_id: str = ""
    tool: ClientTool = field(default_factory=lambda: ClientTool(""))
    sealed: str | None = None
    texts: list[str] = field(default_factory=list)
    status: ItemStatus = "in_progress"

    @property
    def text(self) -> str:
        """The text, the arguments, or the summary of the reasoning."""
        return "".join(self.texts)

    @property
    def content(self) -> list[dict[str, object]]:
        """The parts of a message, or of a summary; none if there is no text."""
        text = self.text
        if self.kind == "reasoning":
            return [{"type": "summary_text", "text": text}] if text else []
        return [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}] if text else []

    def json(self) -> dict[str, object]:
        """The item as it is now."""
        head: dict[str, object] = {"id": self.id, "type": self.kind}
        namespace = {} if self.tool.namespace is None else {"namespace": self.tool.namespace}
        call = {**head, "status": self.status, "call_id": self.call_id, "name": self.tool.name, **namespace}
        match self.kind:
            case "message":
                return {**head, "status": self.status, "role": "assistant", "content": self.content}
            case "function_call":
                return {**call, "arguments": self.text}
            case "custom_tool_call":
                return {**call, "input": self.text}
            case "reasoning":
                return {**head, "summary": self.content, "encrypted_content": self.sealed}
            case "compaction":
                return {**head, "encrypted_content": self.sealed or ""}
            case _:
                assert_never(self.kind)

    def opening(self) -> dict[str, object]:
        """The item as it is when it begins."""
        return OutputItem(self.kind, self.index, self.id, self.call_id, self.tool).json()


@dataclass(frozen=True, slots=True)
class Opened:
    """The item begins."""

    item: OutputItem


@dataclass(frozen=True, slots=True)
class Grown:
    """The item got more text."""

    item: OutputItem
    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The item is complete, or the answer ended inside it: see its status."""

    item: OutputItem


Step = Opened | Grown | Closed


class OutputBuilder:
    """Builds the items of one answer.

    An item is closed when the next one begins or the answer ends, because only then is it known whether it is whole.
    """

    def __init__(self, options: OutputOptions) -> None:
        self.items: list[OutputItem] = []
        self.model = ""
        self._options = options
        raw_text_tools = [name for name, tool in options.tools.items() if tool.takes_text]
        self._deltas = DeltaBuilder(raw_text_tools=raw_text_tools, answer=options.answer, reasoning="field")
        self._calls: dict[int, OutputItem] = {}
        self._thoughts: dict[int, Thinking | RedactedThinking] = {}

    def add(self, event: PartStarted | PartDelta | PartEnded) -> list[Step]:
        """The steps for `event`, often none."""
        if isinstance(event, PartStarted) and isinstance(event.part, Thinking | RedactedThinking):
            self._thoughts[event.index] = event.part
            steps = self._open("reasoning") if self._options.shows_reasoning else []
        else:
            steps = []
        steps += self._grown(event)
        if isinstance(event, PartEnded) and event.index in self._thoughts:
            self._seal(self._thoughts[event.index], event.signature)
        return steps

    def end(self, reason: StopReason) -> list[Step]:
        """The steps at the end of an answer that ended for `reason`."""
        steps: list[Step] = []
        for delta in self._deltas.end():
            assert isinstance(delta, TextDelta)
            steps += self._grow_message(delta.text)
        is_cut = reason in {StopReason.LENGTH, StopReason.REFUSAL}
        return [*steps, *self._close("incomplete" if is_cut else "completed")]

    def _grown(self, event: PartStarted | PartDelta | PartEnded) -> list[Step]:
        steps: list[Step] = []
        for delta in self._deltas.add(event):
            match delta:
                case TextDelta(text=text):
                    steps += self._grow_message(text)
                case CallDelta(position=position, id=id_, name=name):
                    tool = self._options.tools.get(name) or ClientTool(name)
                    steps += self._open("custom_tool_call" if tool.takes_text else "function_call", id_, tool)
                    self._calls[position] = self.items[-1]
                case ArgumentsDelta(position=position, text=text):
                    steps += _grow(self._calls[position], text)
                case ReasoningDelta(text=text):
                    steps += _grow(self.items[-1], text) if self._options.shows_reasoning else []
                case _:
                    assert_never(delta)
        return steps

    def _grow_message(self, text: str) -> list[Step]:
        is_open = self.items and self.items[-1].kind == "message" and self.items[-1].status == "in_progress"
        steps = [] if is_open else self._open("message")
        return [*steps, *_grow(self.items[-1], text)]

    def _open(self, kind: Kind, call_id: str = "", tool: ClientTool | None = None) -> list[Step]:
        steps = self._close("completed")
        item = new_item(kind, len(self.items), self._options.token)
        item.call_id, item.tool = call_id, tool or item.tool
        self.items.append(item)
        return [*steps, Opened(item)]

    def _close(self, status: ItemStatus) -> list[Step]:
        if not self.items or self.items[-1].status != "in_progress":
            return []
        self.items[-1].status = status
        return [Closed(self.items[-1])]

    def _seal(self, thought: Thinking | RedactedThinking, signature: str | None) -> None:
        if not self._options.shows_reasoning:
            return
        item = self.items[-1]
        if isinstance(thought, Thinking):
            thought = Thinking(item.text, signature)
        item.sealed = sealed_thought(self._options.seal, thought, self.model)


def new_item(kind: Kind, index: int, token: str) -> OutputItem:
    """A new item with an id of its own."""
    return OutputItem(kind, index, f"{_PREFIXES[kind]}_{token}{index:02}")


def _grow(item: OutputItem, text: str) -> list[Step]:
    item.texts.append(text)
    return [Grown(item, text)]
