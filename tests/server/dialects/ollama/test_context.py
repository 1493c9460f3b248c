"""The `context` of /api/generate, by which clients continue a conversation."""

import json
from typing import Any

import pytest

from server.config import Config
from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.parts import Text, Thinking
from server.dialects.base import Exchange, ParseOptions
from server.dialects.common.sealed import Seal
from server.dialects.ollama.context import LONGEST, Remembered, remembered
from server.dialects.ollama.dialect import OllamaGenerate
from tests.server.dialects.bodies import assistant, user

SEAL = Seal(b"a key")
ANSWER: list[Event] = [
    Started("m"),
    PartStarted(0, Thinking("")),
    PartDelta(0, "Hm."),
    PartEnded(0, "seal"),
    PartStarted(1, Text("")),
    PartDelta(1, "Hel"),
    PartDelta(1, "lo ✓"),
    PartEnded(1),
    Finished(StopReason.END),
]


def parsed(prompt: str, *, seal: Seal = SEAL, reasoning: str = "field", **fields: Any) -> Exchange:
    config = Config(reasoning=reasoning)  # type: ignore[arg-type]
    return OllamaGenerate().parse({"prompt": prompt, **fields}, "me", ParseOptions(config, "t", 0, seal=seal))


def whole(exchange: Exchange) -> dict[str, Any]:
    collector = exchange.reply.collector()
    for event in ANSWER:
        collector.add(event)
    return collector.body()


def last_line(exchange: Exchange) -> dict[str, Any]:
    encoder = exchange.reply.encoder()
    lines = b"".join(encoder.event(event) for event in ANSWER).splitlines()
    assert all("context" not in json.loads(line) for line in lines[:-1])
    last: dict[str, Any] = json.loads(lines[-1])
    return last


@pytest.mark.parametrize("reasoning", ["field", "tags"])
@pytest.mark.parametrize("answered", [whole, last_line])
def test_it_continues_the_conversation(answered: Any, reasoning: str) -> None:
    first = answered(parsed("Hi 😀", system="Be brief.", reasoning=reasoning))
    assert all(0 <= number < 2**16 for number in first["context"])
    second = parsed("And?", context=first["context"], reasoning=reasoning)
    third = parsed("So?", context=answered(second)["context"], system="Be long.")
    asked = (user("Hi 😀"), assistant("Hello ✓"), user("And?"))
    assert second.request.messages == asked
    assert third.request.messages == (*asked, assistant("Hello ✓"), user("So?"))
    systems = [exchange.request.profile.system for exchange in (second, third)]
    assert (systems, second.request.ignored) == (["Be brief.", "Be long."], ())


@pytest.mark.parametrize(
    "context",
    [[1, 2, 3], [128006, 882], [-1], ["a"], [None], "text", {"a": 1}, Remembered("", ("Hi",)).numbers(Seal(b"b"))],
)
def test_numbers_of_others_are_named_and_have_no_effect(context: object) -> None:
    exchange = parsed("Hi", context=context)
    assert exchange.request.messages == (user("Hi"),)
    assert exchange.request.ignored == ("context",)


@pytest.mark.parametrize("context", [[], None])
def test_no_numbers_are_a_new_conversation(context: object) -> None:
    assert parsed("Hi", context=context).request.ignored == ()


def test_what_is_not_continued_has_none() -> None:
    assert all("context" not in whole(one) for one in (parsed("a", suffix="b"), parsed("a", raw=True)))
    assert Remembered("", ("x" * LONGEST, "y")).numbers(SEAL) is None


@pytest.mark.parametrize("length", range(1, 9))
def test_every_length_is_packed(length: int) -> None:
    kept = Remembered("s" * length, ("é" * length, "b"))
    assert remembered(kept.numbers(SEAL) or (), SEAL) == kept
