"""Encodes an answer as Ollama's stream: newline-delimited JSON."""

from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started
from server.dialects.common.answers.deltas import ArgumentsDelta, CallDelta, Delta, ReasoningDelta, TextDelta
from server.dialects.framing import ndjson_line
from server.dialects.ollama.lines import Calls, ReplyForm


class OllamaEncoder:
    """Encodes events as lines. A call is sent when it is complete."""

    def __init__(self, form: ReplyForm) -> None:
        self._form = form
        self._builder = form.delta_builder()
        self._calls = Calls()
        # The text so far, where the last line contains it.
        self._text: list[str] = []

    def start(self) -> bytes:
        """Nothing: the first line has content."""
        return b""

    def event(self, event: Event) -> bytes:
        """The lines for `event`, often none; one error for `Failed`."""
        match event:
            case PartDelta() | PartStarted():
                return self._lines(self._builder.add(event))
            case PartEnded():
                lines = self._lines(self._builder.add(event))
                calls = self._calls.completed()
                return lines + (ndjson_line(self._form.line(calls=calls)) if calls else b"")
            case Started():
                return b""
            case Finished():
                lines = self._lines(self._builder.end())
                return lines + ndjson_line(self._form.last(event, answer="".join(self._text)))
            case Failed():
                return ndjson_line({"error": str(event.error)})
            case _:
                assert_never(event)

    def heartbeat(self) -> bytes:
        """A line without text: the framing has no comments."""
        return ndjson_line(self._form.line())

    def end(self) -> bytes:
        """Nothing: the line of the last event says that the answer is complete."""
        return b""

    def _lines(self, deltas: list[Delta]) -> bytes:
        return b"".join(self._line(delta) for delta in deltas)

    def _line(self, delta: Delta) -> bytes:
        match delta:
            case TextDelta(text=text):
                if self._form.context is not None:
                    self._text.append(text)
                return ndjson_line(self._form.line(text))
            case ReasoningDelta(text=text):
                return ndjson_line(self._form.line(thinking=text))
            case CallDelta() | ArgumentsDelta():
                self._calls.add(delta)
                return b""
            case _:
                assert_never(delta)
