"""How the stand-in ends, cuts and holds a stream."""

import asyncio

import httpx
import pytest

from server.standin.script import Cut, Drop, Gate, Hold, Reply, Script, Step, StreamError, Text, say
from server.standin.server import Standin, open_standin
from tests.server.standin.asking import ask, events
from tests.server.standin.bodies import HEADERS, body


async def test_an_error_event_ends_the_stream(standin: Standin, http: httpx.AsyncClient) -> None:
    standin.script(say("So", StreamError("overloaded_error", "Overloaded"), " never"))
    *_, before, last = events(await ask(http))
    assert before["type"] == "content_block_delta"
    assert last == {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert await standin.requests[0].ended() == "whole"


CUT = Cut()
CUTS: list[tuple[str, Script, list[str] | None]] = [
    ("before a byte", Drop(), None),
    ("after the headers", say("a", before_start=(CUT,)), []),
    ("before a block", Reply((CUT, Text(("a",)))), ["message_start"]),
    ("in a block", say("a", CUT, "b"), ["message_start", "content_block_start", "ping", "content_block_delta"]),
    (
        "after a block",
        Reply((Text(("a",)), CUT)),
        ["message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop"],
    ),
    (
        "before the last event",
        say("a", before_stop=(CUT,)),
        ["message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop", "message_delta"],
    ),
]


@pytest.mark.parametrize(("place", "script", "seen"), CUTS, ids=[place for place, _, _ in CUTS])
async def test_the_connection_closes_at_the_cut(
    standin: Standin, http: httpx.AsyncClient, place: str, script: Script, seen: list[str] | None
) -> None:
    standin.script(script)
    lines: list[str] = []

    async def read() -> None:
        async with http.stream("POST", "/v1/messages", json=body(stream=True)) as response:
            assert seen is not None
            async for line in response.aiter_lines():
                lines.append(line)  # noqa: PERF401 # a comprehension would lose what came before the break

    with pytest.raises(httpx.RemoteProtocolError):
        await read()
    assert [line.removeprefix("event: ") for line in lines if line.startswith("event: ")] == (seen or [])
    assert await standin.requests[0].ended() == "cut"


@pytest.mark.parametrize("script", [Drop(reset=True), say("a", Cut(reset=True))])
async def test_a_tcp_reset_is_a_broken_network(standin: Standin, http: httpx.AsyncClient, script: Script) -> None:
    standin.script(script)
    with pytest.raises(httpx.ReadError):
        await ask(http)
    assert await standin.requests[0].ended() == "cut"


def held(gate: Gate) -> list[tuple[str, Script]]:
    steps: tuple[Step, ...] = (Hold(gate),)
    return [
        ("before the headers", say("a", before_headers=steps)),
        ("before an empty answer", Reply(before_headers=steps)),
        ("after the headers", say("a", before_start=steps)),
        ("in the middle", say("a", *steps, "b")),
        ("before the end", say("a", before_stop=steps)),
    ]


@pytest.mark.parametrize("number", range(5), ids=[place for place, _ in held(Gate())])
async def test_a_disconnect_is_noticed_at_once(standin: Standin, http: httpx.AsyncClient, number: int) -> None:
    gate = Gate()
    standin.script(held(gate)[number][1])
    asking = asyncio.create_task(ask(http))
    await gate.reached()
    assert standin.requests[0].outcome is None
    asking.cancel()
    await standin.requests[0].client_disconnected()
    assert standin.requests[0].outcome == "client disconnected"


@pytest.mark.parametrize("number", range(5), ids=[place for place, _ in held(Gate())])
async def test_a_gate_holds_an_answer_until_it_is_opened(
    standin: Standin, http: httpx.AsyncClient, number: int
) -> None:
    gate = Gate()
    standin.script(held(gate)[number][1])
    asking = asyncio.create_task(ask(http))
    await gate.reached()
    assert not asking.done()
    gate.open()
    assert events(await asking)[-1]["type"] == "message_stop"
    assert await standin.requests[0].ended() == "whole"


async def test_everything_before_a_gate_has_been_sent(standin: Standin, http: httpx.AsyncClient) -> None:
    gate = Gate()
    standin.script(say("first", Hold(gate), "second"))
    async with http.stream("POST", "/v1/messages", json=body(stream=True)) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if "first" in line:
                break
        await gate.reached()
        gate.open()
        assert any(["second" in line async for line in lines])


async def test_pauses_use_the_given_sleep() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with (
        open_standin(lambda _: say("a", "b", "c", gap_s=600), sleep=sleep) as standin,
        httpx.AsyncClient(base_url=standin.url, headers=HEADERS) as http,
    ):
        await ask(http)
    assert slept == [600, 600]
