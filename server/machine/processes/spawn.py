"""Options for spawning child processes without a window, and without the terminal's Ctrl-C reaching them."""

from typing import TypedDict


class SpawnOptions(TypedDict, total=False):
    """Keyword arguments of subprocess.Popen and asyncio's subprocess functions."""

    start_new_session: bool
    creationflags: int


def own_session() -> SpawnOptions:
    """POSIX: Ctrl-C goes to the terminal's whole process group, and would kill the answers of a graceful stop."""
    return {"start_new_session": True}
