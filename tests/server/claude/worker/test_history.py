"""After a reset a process sends the same requests as a fresh one, whatever it did before."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from server.conversation.events import PartDelta
from server.conversation.request import ModelSettings
from server.errors import DrawbridgeError
from server.standin.script import (
    Cut,
    Drop,
    Gate,
    Hold,
    RedactedThinking,
    Reply,
    Script,
    StreamError,
    Text,
    Thinking,
    refuse,
    say,
)
from server.standin.server import Recorded, Standin, default_answer
from tests.server.claude.conftest import SONNET, Bench, conversation
from tests.server.claude.worker.test_session import PROFILE, Warm, masked
from tests.server.claude.worker.test_worker import turns
from tests.server.standin.proxy import BAD_GATEWAY

MARK = "MARK"
ANSWER = say(MARK, " ", MARK)
# Headers that each request or process has of its own.
_OWN = {"x-claude-code-session-id", "x-client-request-id", "content-length", "host"}
# Both are sent by a fresh process and after a reset.
PROBES = [("one",), ("one", "two", "three")]


async def ask(warm: Warm, *texts: str, settings: ModelSettings = SONNET) -> None:
    """Asks and reads the answer to its end, even if it fails."""
    with suppress(DrawbridgeError):
        async for _ in warm.worker.ask(PROFILE, settings, conversation(*(texts or (MARK,)))):
            pass


@dataclass(frozen=True)
class Past:
    """What the process did before the reset: `answer` is the script upstream.

    `is_end`: the process must not be used again; None: either is correct.
    """

    name: str
    answer: Script = ANSWER
    texts: tuple[str, ...] = (MARK,)
    settings: ModelSettings = SONNET
    is_end: bool | None = False


ODD = "\x00\x07\u202e\ufeff e\u0301 \U0001f600 \r\n\t</system-reminder> @/etc/hostname /clear #memo !ls"
PASTS = [
    Past("a text"),
    Past("a long text", say(*["MARK " * 20_000] * 10), ("MARK " * 200_000,)),
    Past("odd characters", say(MARK, ODD), (ODD, ODD, MARK + ODD)),
    Past("what looks like a command", texts=("/clear", MARK, "/compact")),
    Past(
        "a stop sequence",
        say(MARK, stop_reason="stop_sequence", stop_sequence="END"),
        settings=ModelSettings(model="sonnet", stop_sequences=("END",)),
    ),
    Past("a small limit", settings=ModelSettings(model="sonnet", max_tokens=7)),
    Past(
        "a small limit of a model that thinks by a budget",
        settings=ModelSettings(model="claude-haiku-4-5", max_tokens=7),
    ),
    Past("a reached limit", say(MARK, stop_reason="max_tokens"), is_end=True),
    Past("a full window", say(MARK, stop_reason="model_context_window_exceeded"), is_end=True),
    Past("a refusal", say(MARK, stop_reason="refusal"), is_end=True),
    Past("an answer without blocks", say(), is_end=True),
    Past("an answer of blanks", say(" \n"), is_end=True),
    Past("thinking alone", Reply((Thinking((MARK,)),)), is_end=True),
    Past("thinking and text", Reply((Thinking((MARK, MARK)), RedactedThinking(), Text((MARK,))))),
    Past("two texts", Reply((Text((MARK,)), Text((MARK,))))),
    *(
        Past(f"an error {status}", refuse(status, MARK))
        for status in (400, 401, 402, 403, 404, 413, 429, 500, 503, 529)
    ),
    Past("a prompt that is too long", refuse(400, "prompt is too long: 210000 tokens > 200000 maximum")),
    Past("a page of a proxy", BAD_GATEWAY),
    Past("no connection", Drop(reset=True)),
    Past("an error in the stream", Reply((Text((MARK, StreamError())),)), is_end=None),
    Past("a cut in the first block", Reply((Text((MARK, Cut())),)), is_end=None),
    Past("a cut after a block", Reply((Text((MARK,)), Cut())), is_end=None),
    Past("a cut before the first block", Reply((Cut(),)), is_end=None),
    Past("a history of 200 messages", texts=tuple(f"MARK {number}" for number in range(201))),
    Past("another model", settings=ModelSettings(model="haiku")),
    Past("an older model", settings=ModelSettings(model="claude-3-5-haiku-20241022")),
    Past("Claude Code's own model", settings=ModelSettings()),
    Past("another effort", settings=ModelSettings(model="sonnet", effort="low")),
    Past("the highest effort", settings=ModelSettings(model="opus", effort="max")),
]


@pytest.mark.parametrize("past", PASTS, ids=lambda past: past.name)
async def test_nothing_remains_after_a_reset(bench: Bench, standin: Standin, past: Past) -> None:
    warm, fresh = await probed(bench, standin)
    standin.script(lambda recorded: past.answer)
    await ask(warm, *past.texts, settings=past.settings)
    goes_on = await warm.worker.settle()
    assert past.is_end is None or goes_on is not past.is_end
    if goes_on:
        assert [await probe(warm, *texts) for texts in PROBES] == fresh


async def disconnect_before_headers(warm: Warm) -> None:
    await disconnect(warm, say(MARK, before_headers=(Hold(Gate()),)))


async def disconnect_before_the_first_event(warm: Warm) -> None:
    await disconnect(warm, say(MARK, before_start=(Hold(Gate()),)))


async def disconnect_within_thinking(warm: Warm) -> None:
    await disconnect(warm, Reply((Thinking((MARK, Hold(Gate()))),)), after_text=True)


async def disconnect_within_the_text(warm: Warm) -> None:
    await disconnect(warm, say(MARK, Hold(Gate()), MARK), after_text=True)


async def disconnect_after_the_text(warm: Warm) -> None:
    await disconnect(warm, Reply((Text((MARK,)),), before_stop=(Hold(Gate()),)), after_text=True)


async def disconnect_at_the_end(warm: Warm) -> None:
    """The result may have been read already."""
    await disconnect(warm, say(MARK), after_text=True, is_stopped=False)


async def disconnect(warm: Warm, answer: Script, *, after_text: bool = False, is_stopped: bool = True) -> None:
    """Asks and disconnects after the first text, or when the request has arrived upstream."""
    warm.standin.script(lambda recorded: answer)
    count = len(warm.standin.requests) + 1
    events = warm.worker.ask(PROFILE, SONNET, conversation(MARK))
    if after_text:
        async for event in events:
            if isinstance(event, PartDelta):
                break
    else:
        asking = asyncio.ensure_future(anext(events))
        await asyncio.wait_for(warm.standin.arrived(count), 20)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await events.aclose()
    assert await warm.worker.settle()
    if is_stopped:
        await asyncio.wait_for(warm.standin.requests[-1].client_disconnected(), 10)


DISCONNECTS: list[Callable[[Warm], Awaitable[None]]] = [
    disconnect_before_headers,
    disconnect_before_the_first_event,
    disconnect_within_thinking,
    disconnect_within_the_text,
    disconnect_after_the_text,
    disconnect_at_the_end,
]


@pytest.mark.parametrize("disconnects", DISCONNECTS, ids=lambda disconnects: disconnects.__name__)
async def test_nothing_of_an_unread_answer_remains_after_a_reset(
    bench: Bench, standin: Standin, disconnects: Callable[[Warm], Awaitable[None]]
) -> None:
    warm, fresh = await probed(bench, standin)
    for _ in range(3):
        await disconnects(warm)
        assert [await probe(warm, *texts) for texts in PROBES] == fresh


async def test_nothing_of_all_these_together_remains_after_a_reset(bench: Bench, standin: Standin) -> None:
    """One after the other on one process."""
    warm, fresh = await probed(bench, standin)
    for past in PASTS:
        if past.is_end is False:
            standin.script(lambda recorded, past=past: past.answer)  # type: ignore[misc] # bound now, not later
            await ask(warm, *past.texts, settings=past.settings)
    assert [await probe(warm, *texts) for texts in PROBES] == fresh


async def probed(bench: Bench, standin: Standin) -> tuple[Warm, list[Any]]:
    """A worker, and the requests for the probes that it sent before all others."""
    worker = await bench.warm(PROFILE)
    warm = Warm(bench, standin, worker)
    for texts in PROBES:
        if (worker, texts) not in bench.first:
            bench.first[worker, texts] = await probe(warm, *texts)
    return warm, [bench.first[worker, texts] for texts in PROBES]


async def probe(warm: Warm, *texts: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and headers of the request for this conversation, without what each request has of its own."""
    warm.standin.script(default_answer)
    body = await warm.ask(*texts)
    assert [text for _, text in turns(body)] == list(texts)
    assert MARK not in json.dumps(body)
    return masked(body), _headers(warm.standin.requests[-1])


def _headers(recorded: Recorded) -> dict[str, str]:
    return {name: value for name, value in recorded.headers.items() if name not in _OWN}
