"""Collects an answer into Ollama's whole reply."""

from typing import assert_never

from server.conversation.events import Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.common.answers.collecting import AnswerCollector
from server.dialects.common.answers.deltas import ArgumentsDelta, CallDelta, Delta, ReasoningDelta, TextDelta
from server.dialects.ollama.lines import Call, Calls, ReplyForm


class OllamaCollector(AnswerCollector):
    """Collects the events of one answer."""

    def __init__(self, form: ReplyForm) -> None:
        super().__init__()
        self._form = form
        self._builder = form.delta_builder()
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._open = Calls()
        self._calls: list[Call] = []

    def _take(self, event: Started | PartStarted | PartDelta | PartEnded | Finished) -> None:
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

    def _whole(self, finished: Finished) -> dict[str, object]:
        text, thinking = "".join(self._text), "".join(self._thinking)
        return self._form.last(finished, text, thinking=thinking, calls=self._calls, answer=text)

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
