"""Collects an answer into Ollama's whole reply."""

from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.common.answers.deltas import ArgumentsDelta, CallDelta, Delta, ReasoningDelta, TextDelta
from server.dialects.ollama.lines import Call, Calls, ReplyForm
from server.errors import AnswerCut


class OllamaCollector:
    """Collects the events of one answer."""

    def __init__(self, form: ReplyForm) -> None:
        self._form = form
        self._builder = form.delta_builder()
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._open = Calls()
        self._calls: list[Call] = []
        self._finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Takes the next event. Raises the error of a `Failed`."""
        match event:
            case PartDelta() | PartStarted():
                self._append(self._builder.add(event))
            case PartEnded():
                self._append(self._builder.add(event))
                self._calls += self._open.completed()
            case Started():
                pass
            case Finished():
                self._append(self._builder.end())
                self._finished = event
            case Failed():
                raise event.error
            case _:
                assert_never(event)

    def body(self) -> dict[str, object]:
        """The reply. Raises `AnswerCut` if no `Finished` was added."""
        if self._finished is None:
            raise AnswerCut
        text, thinking = "".join(self._text), "".join(self._thinking)
        return self._form.last(self._finished, text, thinking=thinking, calls=self._calls)

    def _append(self, deltas: list[Delta]) -> None:
        for delta in deltas:
            match delta:
                case TextDelta(text=text):
                    self._text.append(text)
                case ReasoningDelta(text=text):
                    self._thinking.append(text)
                case CallDelta() | ArgumentsDelta():
                    self._open.add(delta)
                case _:
                    assert_never(delta)
