"""How a child process is spawned: without a window, and out of reach of the terminal's Ctrl-C, which is for us."""

from typing import TypedDict


class SpawnOptions(TypedDict, total=False):
    """What to pass to subprocess (or asyncio's) beside the arguments, the pipes and the environment."""

    start_new_session: bool
    creationflags: int


def own_session() -> SpawnOptions:
    """POSIX: Ctrl-C goes to the terminal's whole group, and would kill the answers that a graceful stop waits for."""
    return {"start_new_session": True}
