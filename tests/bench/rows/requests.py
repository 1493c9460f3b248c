"""The rows of single requests, measured in turns with the bare client, so that all of them share the machine's mood."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.bench.measuring import Found, Line, Timing, line
from tests.bench.scene import KNOWN, SIZE, Scene
from tests.bench.upstream import WORDS

BARE = "bare SDK client, next turn (1x)"


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of request. `measure` prepares what it needs, lets it settle, and gives the timings of one round."""

    key: str
    name: str
    measure: Callable[[Scene], Awaitable[Sequence[Timing]]]
    target: float | None = None


async def bare(scene: Scene) -> Sequence[Timing]:
    """The next turn of the bare client."""
    await scene.settle()
    return [await scene.bare.ask(scene.new("Next?"))]


async def next_turn(scene: Scene) -> Sequence[Timing]:
    """The next turn of a conversation that a worker holds."""
    first = scene.new("Begin.")
    await scene.caller.ask([first], system=KNOWN)
    await scene.settle()
    return [await scene.caller.ask([first, WORDS, scene.new("Next?")], system=KNOWN)]


async def same_prompt(scene: Scene) -> Sequence[Timing]:
    """A fresh conversation under a system prompt that a worker has."""
    await scene.caller.ask([scene.new("Begin.")], system=KNOWN)
    await scene.settle()
    return [await scene.caller.ask([scene.new("Hello?")], system=KNOWN)]


async def back_to_back(scene: Scene) -> Sequence[Timing]:
    """Fresh conversations, one at the heels of the other."""
    await same_prompt(scene)
    return [await scene.caller.ask([scene.new("Hello?")], system=KNOWN) for _ in range(5)]


async def new_prompt(scene: Scene) -> Sequence[Timing]:
    """A new conversation with a new system prompt."""
    await scene.settle()
    return [await scene.caller.ask(["Hello?"], system=scene.new("You are somebody else."))]


async def known_prompt(scene: Scene) -> Sequence[Timing]:
    """A fresh conversation under a system prompt that a worker had before its last one."""
    await scene.caller.ask([scene.new("Begin.")], system=KNOWN)
    await scene.caller.ask([scene.new("Begin.")], system="You are somebody else.")
    await scene.settle()
    return [await scene.caller.ask([scene.new("Hello?")], system=KNOWN)]


async def new_tools(scene: Scene) -> Sequence[Timing]:
    """A fresh conversation under the last system prompt, with eight new tools."""
    await same_prompt(scene)
    await scene.settle()
    return [await scene.caller.ask(["Hello?"], system=KNOWN, tools=_eight(scene))]


async def all_new(scene: Scene) -> Sequence[Timing]:
    """A new conversation with a new system prompt and eight new tools."""
    await scene.settle()
    return [await scene.caller.ask(["Hello?"], system=scene.new("You are somebody else."), tools=_eight(scene))]


def _eight(scene: Scene) -> list[str]:
    return [scene.new("tool").replace(" ", "_") for _ in range(8)]


async def three_at_once(scene: Scene) -> Sequence[Timing]:
    """As many fresh conversations at the same moment as there are workers."""
    await same_prompt(scene)
    await scene.settle()
    async with scene.callers(SIZE) as callers:
        return await asyncio.gather(*(caller.ask([scene.new("Hello?")], system=KNOWN) for caller in callers))


async def replayed(scene: Scene) -> Sequence[Timing]:
    """A long conversation that no worker holds."""
    await same_prompt(scene)
    return [await scene.caller.ask(long_conversation(scene, scene.scale.replayed), system=KNOWN)]


ROWS = (
    Row("bare", BARE, bare),
    Row("next", "next turn", next_turn, 1.15),
    Row("same", "fresh conversation, same system prompt", same_prompt, 1.15),
    Row("back", "fresh conversations back to back", back_to_back, 1.15),
    Row("known", "fresh conversation, known system prompt", known_prompt, 1.5),
    Row("new", "fresh conversation, new system prompt", new_prompt, 2.2),
    Row("tools", "fresh conversation, new tools", new_tools, 2.2),
    Row("all", "fresh conversation, everything new", all_new, 2.5),
    Row("three", "three fresh conversations at once", three_at_once),
    Row("replay", "replay of {replayed} messages", replayed),
)


async def measure_rows(scene: Scene, keys: Sequence[str]) -> list[Found]:
    """The lines of the rows with these keys; the bare client always goes along."""
    rows = [row for row in ROWS if row.key in keys or row.key == "bare"]
    timings: dict[str, list[Timing]] = {row.key: [] for row in rows}
    for number in range(scene.scale.warm_up + scene.scale.repeats):
        for row in rows:
            found = await row.measure(scene)
            if number >= scene.scale.warm_up:
                timings[row.key] += found
    bares = timings["bare"]
    return [
        line(row.name.format(replayed=scene.scale.replayed), timings[row.key], bare=bares, target=row.target)
        for row in rows
    ]


async def measure_growth(scene: Scene) -> list[Found]:
    """The next turn behind histories of growing length, on a worker and on the bare client, each with the same past."""
    lines: list[Found] = []
    said = 0
    for length in scene.scale.histories:
        while said < length // 2:
            said += 1
            await scene.bare.ask(scene.new("And?"))
        turns = long_conversation(scene, length)
        await scene.caller.ask(turns, system=KNOWN)
        lines.append(await _growth_at(scene, length, turns))
    return lines


async def _growth_at(scene: Scene, length: int, turns: list[str]) -> Line:
    ours: list[Timing] = []
    bares: list[Timing] = []
    for _ in range(scene.scale.repeats):
        timing = Timing(0, 0)
        while timing.way not in {"continued", "process"}:
            # A worker that has served long enough retires, and what it held is replayed into another.
            await scene.settle()
            turns = [*turns, WORDS, scene.new("Next?")]
            timing = await scene.caller.ask(turns, system=KNOWN)
        ours.append(timing)
        bares.append(await scene.bare.ask(scene.new("Next?")))
    return line(f"next turn behind {length} messages", ours, bare=bares)


def long_conversation(scene: Scene, length: int) -> list[str]:
    """A new history of that many messages, and a question."""
    past = [WORDS if number % 2 else scene.new("And?") for number in range(length)]
    return [*past, scene.new("Next?")]
