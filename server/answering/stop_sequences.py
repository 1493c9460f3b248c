"""Cuts an answer's text at stop sequences that Claude's API does not take."""

import logging
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason, Usage
from server.conversation.parts import Text

logger = logging.getLogger(__name__)

# For the count of tokens in a cut answer: Claude's own count comes only with the end of the whole answer.
_BYTES_PER_TOKEN = 4


class StopCutter:
    """Takes the events of one answer in order. Only text is searched: no thinking, no arguments of tool calls.

    Text that may be the beginning of a stop sequence is held until more arrives or its part ends.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        # Of two that match at the same place, the one listed first in the request wins.
        self._pattern = re.compile("|".join(map(re.escape, stops))) if stops else None
        self._beginnings = {stop[:length] for stop in stops for length in range(1, len(stop))}
        self._longest = max(map(len, self._beginnings), default=0)
        self._texts: set[int] = set()
        self._held = ""
        self._written = 0
        self._usage = Usage()
        self.is_cut = False

    def feed(self, event: Event) -> list[Event]:
        """The events to send instead of `event`. After a cut, the last one is `Finished` and `is_cut` is true."""
        if self._pattern is None:
            return [event]
        match event:
            case Started(usage=usage):
                self._usage = usage
            case PartStarted(index=index, part=Text()):
                self._texts.add(index)
            case PartDelta(index=index, text=text) if index in self._texts:
                return self._search(event, self._held + text)
            case PartDelta(text=text):
                self._written += len(text.encode(errors="replace"))
            case PartEnded(index=index) if self._held:
                held, self._held = self._held, ""
                return [PartDelta(index, held, event.choice), event]
        return [event]

    def _search(self, event: PartDelta, text: str) -> list[Event]:
        assert self._pattern is not None
        if match := self._pattern.search(text):
            self.is_cut = True
            visible = text[: match.start()]
            deltas: list[Event] = [replace(event, text=visible)] if visible else []
            return [*deltas, PartEnded(event.index, choice=event.choice), self._finished(visible, match.group())]
        lengths = range(min(self._longest, len(text)), 0, -1)
        keep = next((length for length in lengths if text[-length:] in self._beginnings), 0)
        visible, self._held = text[: len(text) - keep], text[len(text) - keep :]
        self._written += len(visible.encode(errors="replace"))
        return [replace(event, text=visible)] if visible else []

    def _finished(self, visible: str, stop: str) -> Finished:
        written = self._written + len(visible.encode(errors="replace"))
        output = max(self._usage.output, -(-written // _BYTES_PER_TOKEN))
        return Finished(StopReason.STOP_SEQUENCE, stop, replace(self._usage, output=output))


def cut_at_stops(events: AsyncGenerator[Event, None], stops: Sequence[str]) -> AsyncGenerator[Event, None]:
    """The events of one answer, cut at the first of `stops`. The rest of the answer is then stopped upstream."""
    return _cut(events, stops) if stops else events


async def _cut(events: AsyncGenerator[Event, None], stops: Sequence[str]) -> AsyncGenerator[Event, None]:
    cutter = StopCutter(stops)
    async with aclosing(events):
        async for event in events:
            for shown in cutter.feed(event):
                yield shown
            if cutter.is_cut:
                logger.info("answered: cut at a stop sequence")
                return
