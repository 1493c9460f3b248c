"""Answers that are cut here, at stop sequences that Claude's API does not take."""

import random
from collections.abc import AsyncGenerator, Sequence

import pytest

from server.answering.stop_sequences import StopCutter, cut_at_stops
from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason, Usage
from server.conversation.parts import Text, Thinking, ToolCall


def cut(events: Sequence[Event], *stops: str) -> list[Event]:
    cutter, out = StopCutter(stops), []
    for event in events:
        out += cutter.feed(event)
        if cutter.is_cut:
            break
    return out


def said(*chunks: str, index: int = 0) -> list[Event]:
    return [PartStarted(index, Text("")), *(PartDelta(index, chunk) for chunk in chunks), PartEnded(index)]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, PartDelta))


START = Started("m", Usage(input=3, output=1))
END = Finished(StopReason.END)


def test_without_stops_nothing_changes() -> None:
    events = [START, *said("a\n", "b"), END]
    assert cut(events) == events


@pytest.mark.parametrize("chunks", [("first line\nsecond",), ("first line", "\n", "x"), ("first ", "line\nx")])
def test_a_line_end(chunks: tuple[str, ...]) -> None:
    out = cut([START, *said(*chunks), END], "\n")
    assert text_of(out) == "first line"
    finished = out[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.stop_sequence) == (StopReason.STOP_SEQUENCE, "\n")
    assert finished.usage == Usage(input=3, output=3)
    assert out[-2] == PartEnded(0)


def test_no_text_is_lost_that_only_begins_like_a_stop() -> None:
    events = [START, *said("a\n", "\n", "b\n", "c\n\n"), END]
    out = cut(events, "\n\n\n")
    assert text_of(out) == "a\n\nb\nc\n\n"
    assert out[-1] == END


def test_text_that_cannot_begin_a_stop_is_not_held() -> None:
    cutter = StopCutter(["\n\n"])
    assert cutter.feed(PartStarted(0, Text(""))) == [PartStarted(0, Text(""))]
    assert cutter.feed(PartDelta(0, "abc\n")) == [PartDelta(0, "abc")]
    assert cutter.feed(PartDelta(0, "d")) == [PartDelta(0, "\nd")]


def test_thinking_and_arguments_are_not_cut() -> None:
    events: list[Event] = [START, PartStarted(0, Thinking("")), PartDelta(0, "a\nb"), PartEnded(0, "s")]
    events += [PartStarted(1, ToolCall("i", "n")), PartDelta(1, '{\n"a": 1}'), PartEnded(1), END]
    assert cut(events, "\n") == events


def test_at_the_very_start() -> None:
    out = cut([START, *said("\nx"), END], "\n")
    assert text_of(out) == ""
    assert isinstance(out[-1], Finished)


@pytest.mark.parametrize("seed", range(50))
def test_every_split_gives_the_same_text(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choice("ab \n\t") for _ in range(60))
    stops = ["\n\n", " \t", "\n \n", "\t\t\t"]
    expected = text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]
    cuts = sorted(chance.sample(range(1, 60), 12))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, 60], strict=True)]
    assert text_of(cut([START, *said(*chunks), END], *stops)) == expected


async def test_the_rest_of_the_answer_is_stopped() -> None:
    closed = []

    async def events() -> AsyncGenerator[Event, None]:
        try:
            for event in (START, *said("a\nb", "c"), END):
                yield event
        finally:
            closed.append(True)

    out = [event async for event in cut_at_stops(events(), ["\n"])]
    assert isinstance(out[-1], Finished)
    assert closed == [True]


async def test_without_stop_sequences_nothing_is_between_the_answer_and_its_reader() -> None:
    async def events() -> AsyncGenerator[Event, None]:
        yield PartDelta(0, "a")

    answer = events()
    assert cut_at_stops(answer, ()) is answer
    await answer.aclose()
