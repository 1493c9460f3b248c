"""Several answers to one request: as many leases side by side, told as one stream of events."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace

from server.conversation.events import Event, Failed, Finished, Started, Usage
from server.conversation.request import ModelRequest
from server.errors import DrawbridgeError

_AHEAD = 64


async def choices(
    turn: ModelRequest, stream: Callable[[ModelRequest], AsyncGenerator[Event, None]]
) -> AsyncGenerator[Event, None]:
    """The events of `turn.choices` answers as they come, each part with the number of its answer, and one `Finished`.

    What goes wrong with the first one before any has begun is raised; later it is one `Failed`, and all the others are
    stopped. Closing the generator stops them too.
    """
    if turn.choices == 1:
        async with aclosing(stream(turn)) as events:
            async for event in events:
                yield event
        return
    queue: asyncio.Queue[tuple[int, Event | Exception]] = asyncio.Queue(_AHEAD)
    one = replace(turn, choices=1)
    tasks = [asyncio.create_task(_draw(number, stream(one), queue)) for number in range(turn.choices)]
    ends: dict[int, Finished] = {}
    begun = False
    try:
        while len(ends) < turn.choices:
            number, came = await queue.get()
            match came:
                case Started():
                    if not begun:
                        begun = True
                        yield came
                case Finished():
                    ends[number] = came
                case Failed():
                    yield came
                    return
                case DrawbridgeError() if begun:
                    yield Failed(came)
                    return
                case Exception():
                    raise came
                case _:
                    yield replace(came, choice=number)
        yield _together(ends)
    finally:
        for number, task in enumerate(tasks):
            # One that is over is left to tidy up by itself: its worker lives on.
            if number not in ends:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _draw(
    number: int, events: AsyncGenerator[Event, None], queue: asyncio.Queue[tuple[int, Event | Exception]]
) -> None:
    """Draws one answer from its first event to its last, and closes it, in one task: its lease belongs to that."""
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put((number, event))
    except Exception as error:  # noqa: BLE001 # raised again where the events are read
        await queue.put((number, error))


def _together(ends: Mapping[int, Finished]) -> Finished:
    """The end of all: what they used and cost is added up, prompts too, since each of them was read."""
    each = [ends[number] for number in sorted(ends)]
    usages, costs = [end.usage for end in each], [end.cost_usd for end in each if end.cost_usd is not None]
    return replace(
        each[0],
        stop_sequence=None,
        usage=Usage(
            input=sum(usage.input for usage in usages),
            cache_creation=sum(usage.cache_creation for usage in usages),
            cache_read=sum(usage.cache_read for usage in usages),
            output=sum(usage.output for usage in usages),
            thinking=sum(usage.thinking for usage in usages),
        ),
        cost_usd=sum(costs) if len(costs) == len(each) else None,
        timings=max((end.timings for end in each), key=lambda timings: timings.total_ms),
        reasons=tuple(end.reason for end in each),
    )
