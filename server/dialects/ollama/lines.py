"""The objects of Ollama's replies: each line of a stream, and the last one, which is also the whole answer."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from server.config import Thoughts
from server.conversation.events import Finished, StopReason, Timings
from server.conversation.request import AnswerFormat
from server.dialects.common.answers.deltas import ArgumentsDelta, CallDelta, DeltaBuilder

_REASONS: Mapping[StopReason, str] = {StopReason.LENGTH: "length", StopReason.REFUSAL: "content_filter"}
_NS_OF_MS = 1_000_000
_THOUGHTS = re.compile(r"\A<think>.*?</think>\s*", re.DOTALL)

Call = dict[str, object]


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """How to reply: the path, the model as the client wrote it, and the time of the reply.

    `done`: the reason with which an answer ends that only loads a model. `context` makes the numbers by which a client
    continues, of the text of the answer.
    """

    path: Literal["chat", "generate"]
    model: str
    created_at: str
    answer: AnswerFormat | None = None
    reasoning: Thoughts = "field"
    done: str | None = None
    context: Callable[[str], list[int] | None] | None = None

    def delta_builder(self) -> DeltaBuilder:
        """A new builder. The arguments of calls stay JSON: Ollama has no tools that take text."""
        return DeltaBuilder(answer=self.answer, reasoning=self.reasoning)

    def line(self, content: str = "", *, thinking: str = "", calls: Sequence[Call] = ()) -> dict[str, object]:
        """Returns one line of the stream."""
        more: dict[str, object] = {"thinking": thinking} if thinking else {}
        if calls:
            more["tool_calls"] = list(calls)
        if self.path == "chat":
            inner: dict[str, object] = {"message": {"role": "assistant", "content": content, **more}}
        else:
            inner = {"response": content, **more}
        return {"model": self.model, "created_at": self.created_at, **inner, "done": False}

    def last(
        self, finished: Finished, content: str = "", *, thinking: str = "", calls: Sequence[Call] = (), answer: str = ""
    ) -> dict[str, object]:
        """Returns the last line, or the whole answer. `answer` is the text of the whole answer."""
        line = self.line(content, thinking=thinking, calls=calls)
        reason = self.done or _REASONS.get(finished.reason, "stop")
        ended = {"done": True, "done_reason": reason, **_durations(finished.timings), **_counts(finished)}
        own = _THOUGHTS.sub("", answer) if self.reasoning == "tags" else answer
        numbers = self.context(own) if self.context is not None and own.strip() else None
        return {**line, **ended, **({} if numbers is None else {"context": numbers})}


def rfc3339(seconds: float) -> str:
    """Returns a Unix time as Ollama writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _durations(timings: Timings) -> dict[str, object]:
    """Returns the durations in nanoseconds."""
    ends = (timings.leased_ms, timings.first_ms, timings.total_ms)
    leased, first, total = (round(ms * _NS_OF_MS) for ms in ends)
    return {
        "total_duration": total,
        "load_duration": leased,
        "prompt_eval_duration": max(0, first - leased),
        "eval_duration": max(0, total - first),
    }


def _counts(finished: Finished) -> dict[str, object]:
    return {"prompt_eval_count": finished.usage.prompt, "eval_count": finished.usage.output}


@dataclass(slots=True)
class Calls:
    """Puts the calls of an answer together, since Ollama sends each of them whole."""

    _open: list[tuple[CallDelta, list[str]]] = field(default_factory=list)

    def add(self, delta: CallDelta | ArgumentsDelta) -> None:
        """Takes the next delta."""
        if isinstance(delta, CallDelta):
            self._open.append((delta, []))
        else:
            next(texts for call, texts in self._open if call.position == delta.position).append(delta.text)

    def completed(self) -> list[Call]:
        """Returns the calls since the last time. One that was cut off in its arguments is left out."""
        calls = [call for delta, texts in self._open if (call := _call(delta, "".join(texts))) is not None]
        self._open.clear()
        return calls


def _call(delta: CallDelta, text: str) -> Call | None:
    try:
        arguments = json.loads(text)
    except ValueError:
        return None
    function = {"index": delta.position, "name": delta.name, "arguments": arguments}
    # Ollama has the index in the function only. LiteLLM reads this one, and without it takes all calls for the first.
    return {"id": delta.id, "index": delta.position, "function": function} if isinstance(arguments, dict) else None
