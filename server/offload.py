"""Runs the work on a large request in threads, so that no request keeps the event loop from the others."""

import asyncio
import contextvars
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

# Smaller bodies are worked on at once: handing them over would take longer.
LARGE = 100_000

is_large: contextvars.ContextVar[bool] = contextvars.ContextVar("is_large", default=False)
"""Whether the body of the current request is large; it follows the task."""

# Python's 5 ms are what the event loop would wait after each of its system calls while one of these threads works.
SWITCH_S = 0.0005
# Few, because they share one interpreter with the event loop. Starting a process needs the loop's own threads.
_threads = ThreadPoolExecutor(
    2, thread_name_prefix="large-request", initializer=sys.setswitchinterval, initargs=(SWITCH_S,)
)

P = ParamSpec("P")
T = TypeVar("T")


async def offload(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Returns `function(*args, **named)`, run in a thread if the current request is large."""
    if not is_large.get():
        return function(*args, **named)
    run = partial(contextvars.copy_context().run, partial(function, *args, **named))
    return await asyncio.get_running_loop().run_in_executor(_threads, run)
