"""Several answers in one reply (`n` > 1, several prompts): one lease for each, merged into one stream of events."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from server.conversation.events import Event, Failed, Finished, Started, Usage
from server.conversation.request import ModelRequest
from server.errors import DrawbridgeError

_QUEUE_SIZE = 64


def choices(
    requests: Sequence[ModelRequest], stream: Callable[[ModelRequest], AsyncGenerator[Event, None]]
) -> AsyncGenerator[Event, None]:
    """The events of the answers to all requests, each with its number, and one `Finished`. An error stops all."""
    if len(requests) == 1 and requests[0].choices == 1:
        # A single answer needs no task and no queue, which would take a fifth of the time per token.
        return stream(requests[0])
    return _merged(requests, stream)


async def _merged(
    requests: Sequence[ModelRequest], stream: Callable[[ModelRequest], AsyncGenerator[Event, None]]
) -> AsyncGenerator[Event, None]:
    queue: asyncio.Queue[tuple[int, Event | Exception]] = asyncio.Queue(_QUEUE_SIZE)
    each = [replace(request, choices=1) for request in requests for _ in range(request.choices)]
    tasks = [asyncio.create_task(_read(number, stream(one), queue)) for number, one in enumerate(each)]
    ends: dict[int, Finished] = {}
    has_begun = False
    try:
        while len(ends) < len(tasks):
            number, event = await queue.get()
            match event:
                case Started():
                    if not has_begun:
                        has_begun = True
                        yield event
                case Finished():
                    ends[number] = event
                case Failed():
                    yield event
                    return
                case DrawbridgeError() if has_begun:
                    yield Failed(event)
                    return
                case Exception():
                    raise event
                case _:
                    yield replace(event, choice=number)
        yield _combined(ends)
    finally:
        for number, task in enumerate(tasks):
            # A finished answer is still parking its worker: do not cancel that.
            if number not in ends:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(
    number: int, events: AsyncGenerator[Event, None], queue: asyncio.Queue[tuple[int, Event | Exception]]
) -> None:
    """Reads one answer and closes it, all in one task: its lease belongs to that task."""
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put((number, event))
    except Exception as error:  # noqa: BLE001 # raised again by `_merged`
        await queue.put((number, error))


def _combined(ends: Mapping[int, Finished]) -> Finished:
    """One `Finished` for all answers, with the sums of usage and cost: the prompt counts once for each answer."""
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
