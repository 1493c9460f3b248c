"""A conversation that is begun in one dialect and continued in another stays on its worker."""

from collections.abc import AsyncIterator, Callable, Mapping
from itertools import product
from typing import Any

import pytest
import pytest_asyncio

from server.standin.script import Reply, Script, Text, Thinking, call, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.calling import blocks_of, spoken
from tests.whole.speaking import SPEECHES, Called, Got, Said, Turn

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

SYSTEM = "Be brief."
TOOLS: Mapping[str, Any] = {
    "weather": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "clock": {"type": "object", "properties": {}},
}
KNOWN = {"Oslo": "rain", "Paris": "sun"}
PAIRS = list(product(SPEECHES, SPEECHES))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(upstream: Standin, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """A pool of one: a conversation that is not continued ends the one before."""
    async with open_bridge(upstream, tmp_path_factory.mktemp("bridge"), "--pool-size", "1") as bridge:
        yield bridge


def forecast(recorded: Recorded) -> Script:
    """Calls twice in one message, then answers; it thinks before each answer."""
    last = blocks_of(spoken(recorded.body)[-1]["content"])
    if last[-1]["type"] == "tool_result":
        return Reply((Thinking(("Compare.",)), Text(("Take an ", "umbrella."))))
    if last[-1]["text"].startswith("Where"):
        calls = (call("weather", {"city": city}) for city in KNOWN)
        return Reply((Thinking(("Look first.",)), *calls), stop_reason="tool_use")
    return say("You are welcome.")


def arrived(body: Any) -> list[tuple[str, Any]]:
    """What arrived upstream: the blocks of all messages; a result with the city of its call."""
    found: list[tuple[str, Any]] = []
    cities: dict[str, str] = {}
    for message in spoken(body):
        for block in blocks_of(message["content"]):
            match block["type"]:
                case "tool_use":
                    cities[block["id"]] = block["input"]["city"]
                    found.append(("call", block["input"]["city"]))
                case "tool_result":
                    found.append(("result", (cities[block["tool_use_id"]], blocks_of(block["content"])[0]["text"])))
                case "thinking":
                    found.append(("thinking", block["thinking"]))
                case "text":
                    found.append((message["role"], block["text"]))
    return found


def whole_story(question: str) -> list[tuple[str, Any]]:
    return [
        ("user", question),
        ("thinking", "Look first."),
        *(("call", city) for city in KNOWN),
        *(("result", known) for known in KNOWN.items()),
        ("thinking", "Compare."),
        ("assistant", "Take an umbrella."),
        ("user", "Thanks."),
    ]


async def ask(
    bridge: Bridge, name: str, turns: list[Turn], *, tools: Mapping[str, Any] = TOOLS
) -> tuple[str, list[Turn]]:
    """Returns how the request found its worker, and the conversation with the answer."""
    speech = SPEECHES[name]
    body = {"model": "sonnet", **speech.body(SYSTEM, tools, 4000, turns)}
    reply = await bridge.client.post(bridge.url.removesuffix("/v1") + speech.path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.headers["x-drawbridge-way"], [*turns, *speech.read(reply.json())]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=map(" then ".join, PAIRS))
async def test_each_step_may_be_in_another_dialect(bridge: Bridge, standin: Standin, first: str, second: str) -> None:
    standin.script(forecast)
    question = f"Where does it rain? ({first}, {second})"
    _, turns = await ask(bridge, first, [Said("user", question)])
    calls = [turn for turn in turns if isinstance(turn, Called)]
    assert [one.arguments for one in calls] == [{"city": city} for city in KNOWN]
    # The results, in the order in which they came.
    turns += [Got(one, KNOWN[one.arguments["city"]]) for one in calls]
    way, turns = await ask(bridge, second, turns)
    assert (way, turns[-1]) == ("continued", Said("assistant", "Take an umbrella."))
    way, turns = await ask(bridge, first, [*turns, Said("user", "Thanks.")])
    assert (way, turns[-1]) == ("continued", Said("assistant", "You are welcome."))
    # Claude's thinking before a plain answer is in no client's history: only the worker has it.
    assert arrived(standin.requests[-1].body) == whole_story(question)
    assert len(standin.requests) == 3


BEGINNINGS: dict[str, tuple[str, dict[str, Any], Callable[[Any], str]]] = {
    "completions": (
        "/v1/completions",
        {"system": SYSTEM, "max_tokens": 4000},
        lambda reply: str(reply["choices"][0]["text"]),
    ),
    "generate": (
        "/api/generate",
        {"system": SYSTEM, "options": {"num_predict": 4000}, "stream": False},
        lambda reply: str(reply["response"]),
    ),
}


@pytest.mark.parametrize("second", SPEECHES)
@pytest.mark.parametrize("first", BEGINNINGS)
async def test_a_prompt_is_continued_as_a_conversation(
    bridge: Bridge, standin: Standin, first: str, second: str
) -> None:
    standin.script(lambda _: Reply((Thinking(("Hm.",)), Text(("Rain, ", "I think.")))))
    path, fields, text_in = BEGINNINGS[first]
    question = f"Tomorrow's weather is ({second})"
    body = {"model": "sonnet", "prompt": question, **fields}
    reply = await bridge.client.post(bridge.url.removesuffix("/v1") + path, json=body)
    answer = text_in(reply.json())
    turns: list[Turn] = [Said("user", question), Said("assistant", answer), Said("user", "Sure?")]
    way, _ = await ask(bridge, second, turns, tools={})
    assert way == "continued"
    story = [("user", question), ("thinking", "Hm."), ("assistant", "Rain, I think."), ("user", "Sure?")]
    assert arrived(standin.requests[-1].body) == story
