"""The dashboard's changes of settings, carried out in the controller's thread."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from server.config import Config
from server.errors import ShuttingDown
from tray.control.settings.settings import Settings

# A keyring may ask for its password meanwhile.
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class ChangeFromPage:
    """An event: the dashboard changes settings, and waits for `done` with notices about the file, or an error."""

    changes: Mapping[str, object]
    done: Future[tuple[str, ...]] = field(default_factory=Future, compare=False, repr=False)


class PageSettings:
    """The app's settings, as the dashboard shows and changes them; see the server's `SettingsPort`."""

    # The running server cannot change these, so it starts again.
    restarting = frozenset({"demo"})

    def __init__(self, settings: Settings, post: Callable[[ChangeFromPage], None]) -> None:
        self._settings = settings
        self._post = post

    @property
    def wanted(self) -> Config:
        """The settings as flags, variables and the file give them, with the folders that the next start will use."""
        return self._settings.after({}, at_next_start=True)

    def pinned_by(self, name: str) -> str:
        """The flag or variable that sets it; empty if the user may change it."""
        return self._settings.pinned_by(name)

    def change(self, changes: Mapping[str, object]) -> tuple[str, ...]:
        """Has the controller apply and save the changes, and waits. Raises what it raises."""
        event = ChangeFromPage(changes)
        self._post(event)
        try:
            return event.done.result(_TIMEOUT_S)
        except TimeoutError as error:
            raise ShuttingDown("The app is too busy to change its settings.", hint="Try again in a moment.") from error
