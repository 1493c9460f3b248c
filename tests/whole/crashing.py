"""`python -m tests.whole.crashing`: the app with a server that fails each time it has started."""

from server.runtime.listening.listeners import ListenerSet
from tray.__main__ import main


async def until_broken(listeners: ListenerSet) -> None:
    """As a listener that closes by itself."""
    raise OSError(5, "the network card is gone")


if __name__ == "__main__":
    ListenerSet.until_broken = until_broken  # type: ignore[assignment,method-assign] # as it is on a broken computer
    main()
