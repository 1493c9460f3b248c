"""What /control sees of the runner."""

from collections.abc import Callable


class RunnerControl:
    """The control port. It lets the owner of the server, such as the app, decide how to stop and to quit."""

    def __init__(self, token: str, stop: Callable[[], None], quit_app: Callable[[], None] | None) -> None:
        self.token = token
        self.stop = stop
        self.can_quit = quit_app is not None
        self.quit = quit_app or stop
