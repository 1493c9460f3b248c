"""Replies of the completions API, streamed and whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.parts import Text
from server.dialects.common.answers.collecting import AnswerCollector
from server.dialects.common.openai_errors import error_reply
from server.dialects.common.openai_usage import usage_of
from server.dialects.framing import SSE_COMMENT, SSE_DONE, sse_frame


@dataclass(frozen=True, slots=True)
class CompletionsReply:
    """Replies to one request. `echoes`: the text that each choice begins with, for all choices; often empty."""

    id: str
    created: int
    model: str
    echoes: tuple[str, ...]
    include_usage: bool = False

    @property
    def head(self) -> dict[str, object]:
        """The fields that all objects of the reply share."""
        return {"id": self.id, "object": "text_completion", "created": self.created, "model": self.model}

    def encoder(self) -> "CompletionsEncoder":
        """A new encoder, for a streamed answer."""
        return CompletionsEncoder(self)

    def collector(self) -> "CompletionsCollector":
        """A new collector, for a whole answer."""
        return CompletionsCollector(self)


class _Texts:
    """Knows which parts of an answer are its text."""

    def __init__(self) -> None:
        self._parts: set[tuple[int, int]] = set()

    def text_in(self, event: PartStarted | PartDelta | PartEnded) -> str:
        """Returns the text of the answer in `event`; none of it is thinking."""
        if isinstance(event, PartStarted) and isinstance(event.part, Text):
            self._parts.add((event.choice, event.index))
        is_text = isinstance(event, PartDelta) and (event.choice, event.index) in self._parts
        return event.text if isinstance(event, PartDelta) and is_text else ""


class CompletionsEncoder:
    """Encodes events as server-sent events."""

    def __init__(self, reply: CompletionsReply) -> None:
        self._reply = reply
        self._texts = _Texts()

    def start(self) -> bytes:
        """Nothing: simple clients parse the first line as JSON."""
        return b""

    def event(self, event: Event) -> bytes:
        """The chunks for `event`, often none; one error object for `Failed`."""
        match event:
            case PartDelta() | PartStarted() | PartEnded():
                text = self._texts.text_in(event)
                return self._chunk(event.choice, text) if text else b""
            case Started():
                echoes = enumerate(self._reply.echoes)
                return b"".join(self._chunk(choice, echo) for choice, echo in echoes if echo)
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

    def _chunk(self, choice: int, text: str, finish_reason: str | None = None) -> bytes:
        body = {**self._reply.head, "choices": [_choice(choice, text, finish_reason)]}
        return sse_frame({**body, "usage": None} if self._reply.include_usage else body)

    def _last_chunks(self, event: Finished) -> bytes:
        frames = [self._chunk(choice, "", _finish_reason(event, choice)) for choice in range(len(self._reply.echoes))]
        if self._reply.include_usage:
            frames.append(sse_frame({**self._reply.head, "choices": [], "usage": usage_of(event.usage)}))
        return b"".join(frames)


class CompletionsCollector(AnswerCollector):
    """Collects the events of all choices into one reply."""

    def __init__(self, reply: CompletionsReply) -> None:
        super().__init__()
        self._reply = reply
        self._texts = _Texts()
        self._choices: Sequence[list[str]] = [[echo] for echo in reply.echoes]

    def _take(self, event: Started | PartStarted | PartDelta | PartEnded | Finished) -> None:
        if isinstance(event, PartStarted | PartDelta | PartEnded):
            self._choices[event.choice].append(self._texts.text_in(event))

    def _whole(self, finished: Finished) -> dict[str, object]:
        choices = [
            _choice(number, "".join(texts), _finish_reason(finished, number))
            for number, texts in enumerate(self._choices)
        ]
        return {**self._reply.head, "choices": choices, "usage": usage_of(finished.usage)}


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, object]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}


def _finish_reason(finished: Finished, choice: int) -> str:
    reason = finished.reasons[choice] if finished.reasons else finished.reason
    return {StopReason.LENGTH: "length", StopReason.REFUSAL: "content_filter"}.get(reason, "stop")
