"""What LM Studio's first API adds to OpenAI's replies: how fast the answer came, and what answered."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from server.conversation.events import Event, Finished, Started, StopReason
from server.conversation.models import ModelCard
from server.dialects.base import Collector, Encoder, Reply
from server.dialects.framing import SSE_DONE, sse_frame
from server.dialects.lmstudio.models import ARCHITECTURE, FORMAT
from server.machine.version import own_version

PREFIX = "/api/v0/"
"""The paths below which replies have more fields."""

_DATA = b"data: "
_STOP_REASONS: Mapping[StopReason, str] = {
    StopReason.END: "eosFound",
    StopReason.REFUSAL: "eosFound",
    StopReason.LENGTH: "maxPredictedTokensReached",
    StopReason.STOP_SEQUENCE: "stopStringFound",
    StopReason.TOOL_CALLS: "toolCalls",
}


@dataclass(frozen=True, slots=True)
class ReplyWithStats:
    """A reply of OpenAI's API, with LM Studio's fields at its end. `cards` are the models that may answer."""

    reply: Reply
    cards: tuple[ModelCard, ...]

    def encoder(self) -> "_Encoder":
        """A new encoder, for a streamed answer."""
        return _Encoder(self.reply.encoder(), _Stats(self.cards))

    def collector(self) -> "_Collector":
        """A new collector, for a whole answer."""
        return _Collector(self.reply.collector(), _Stats(self.cards))


@dataclass(slots=True)
class _Stats:
    cards: Iterable[ModelCard]
    _model: str = ""
    fields: dict[str, object] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        """Takes the next event; `fields` are complete after the last one."""
        if isinstance(event, Started):
            self._model = event.model
        elif isinstance(event, Finished):
            self.fields = {"stats": _stats(event), "model_info": self._model_info(), "runtime": _runtime()}

    def _model_info(self) -> dict[str, object]:
        windows = (card.context_window for card in self.cards if self._model in {card.id, card.resolved})
        window = next(windows, None) if self._model else None
        known = {} if window is None else {"context_length": window}
        return {"arch": ARCHITECTURE, "quant": "", "format": FORMAT, **known}


def _stats(finished: Finished) -> dict[str, object]:
    """The times in seconds. Without a time of generation there is no speed."""
    timings = finished.timings
    generation_s = max(0.0, timings.total_ms - timings.first_ms) / 1000
    speed = {"tokens_per_second": finished.usage.output / generation_s} if generation_s else {}
    return {
        **speed,
        "time_to_first_token": round(timings.first_ms / 1000, 6),
        "generation_time": round(generation_s, 6),
        "stop_reason": _STOP_REASONS[finished.reason],
    }


def _runtime() -> dict[str, object]:
    return {"name": "drawbridge", "version": own_version(), "supported_formats": [FORMAT]}


class _Collector:
    def __init__(self, inner: Collector, stats: _Stats) -> None:
        self._inner, self._stats = inner, stats

    def add(self, event: Event) -> None:
        self._stats.see(event)
        self._inner.add(event)

    def body(self) -> dict[str, object]:
        return {**self._inner.body(), **self._stats.fields}


class _Encoder:
    def __init__(self, inner: Encoder, stats: _Stats) -> None:
        self._inner, self._stats = inner, stats

    def start(self) -> bytes:
        return self._inner.start()

    def event(self, event: Event) -> bytes:
        self._stats.see(event)
        frames = self._inner.event(event)
        return _with_fields(frames, self._stats.fields) if isinstance(event, Finished) else frames

    def heartbeat(self) -> bytes:
        return self._inner.heartbeat()

    def end(self) -> bytes:
        return self._inner.end()


def _with_fields(frames: bytes, fields: Mapping[str, object]) -> bytes:
    """The frames with `fields` in the object of the last one."""
    start = frames.rfind(_DATA)
    if start < 0 or frames[start:] == SSE_DONE:
        return frames
    return frames[:start] + sse_frame({**json.loads(frames[start + len(_DATA) :]), **fields})
