"""Waits for what a tunnel's program says, or for its end, whichever comes first."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar  # Any: the send type of a coroutine

from server.errors import TunnelRefused
from server.machine.tunnels.child import Child

T = TypeVar("T")


async def before_end(
    child: Child, waiting: Coroutine[Any, Any, T], explain: Callable[[Child], TunnelRefused], *, timeout_s: float
) -> T:
    """Returns the result of `waiting`. Raises `explain(child)` if the program ends first, or at the timeout."""
    task, ending = asyncio.create_task(waiting), asyncio.create_task(child.ended())
    try:
        await asyncio.wait({task, ending}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise explain(child)
        return task.result()
    finally:
        for one in (task, ending):
            one.cancel()
        await asyncio.gather(task, ending, return_exceptions=True)


class LineTunnel:
    """An open tunnel of a program whose lines say its address. `url` may change while it is open."""

    def __init__(self, explain: Callable[[Child], TunnelRefused]) -> None:
        self._explain = explain
        self._url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._child: Child | None = None
        self.url = ""
        # Why the program cannot open the tunnel, by one of its lines.
        self.refusal: asyncio.Future[TunnelRefused] = asyncio.get_running_loop().create_future()

    def name(self, url: str) -> None:
        """The program has printed its address."""
        if self._url.done():
            self._url = asyncio.get_running_loop().create_future()
        self._url.set_result(url)

    def refuse(self, error: TunnelRefused) -> None:
        """The program has printed why it cannot open the tunnel."""
        if not self.refusal.done():
            self.refusal.set_result(error)

    async def begin(self, child: Child, timeout_s: float) -> None:
        """Waits for the first address. Raises `TunnelRefused`."""
        self._child = child
        self.url = await before_end(child, self._first(), self._why, timeout_s=timeout_s)

    async def changed(self) -> str:
        """Waits for another address and returns it. Raises `TunnelRefused` when the program has ended."""
        assert self._child is not None
        while True:
            ending = asyncio.create_task(self._child.ended())
            try:
                await _first_of(ending, self._url)
            finally:
                ending.cancel()
            if not self._child.is_running:
                raise self._why(self._child)
            # A line may repeat the address that is known.
            url, self._url = self._url.result(), asyncio.get_running_loop().create_future()
            if url != self.url:
                self.url = url
                return url

    async def _first(self) -> str:
        await _first_of(self._url, self.refusal)
        if not self._url.done():
            raise self.refusal.result()
        url, self._url = self._url.result(), asyncio.get_running_loop().create_future()
        return url

    def _why(self, child: Child) -> TunnelRefused:
        return self.refusal.result() if self.refusal.done() else self._explain(child)


async def _first_of(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
