"""The settings file of a running `drawbridge serve`: what another hand changes there holds at once, if it can."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from server.commands.options import Settled
from server.commands.output import note
from server.config import FIXED_AT_START
from server.errors import DrawbridgeError, SettingsInvalid
from server.machine.keychain import Keychain, resolve_key
from server.machine.settings_file import SettingsFile
from server.machine.sockets import Listeners

if TYPE_CHECKING:
    from server.runtime.runner import Runner

logger = logging.getLogger(__name__)


class Follower:
    """Follows the settings file of `settled` with `runner`. `moved` hears of other listeners."""

    def __init__(self, settled: Settled, runner: "Runner", moved: Callable[[Listeners], None]) -> None:
        self._settled = settled
        self._runner = runner
        self._moved = moved
        self._file = SettingsFile(settled.folders.settings_file)
        # It was read a moment ago; what was wrong with it has been said.
        with suppress(SettingsInvalid):
            self._file.read(set_aside=False)

    def look(self) -> None:
        """Applies what has changed, and says so. A file that cannot be used changes nothing. Cheap; never raises."""
        if not self._file.changed():
            return
        with suppress(SettingsInvalid):
            # For its stamp: what is wrong is said once.
            self._file.read(set_aside=False)
        try:
            self._apply(self._settled.again())
        except DrawbridgeError as error:
            logger.warning("the changed settings are not used: %s", error)
            note(f"The changed settings are not used. {error}")

    def _apply(self, settled: Settled) -> None:
        for notice in settled.notices:
            note(notice)
        before, folders = self._runner.config, self._settled.folders
        for name in self._refused(settled):
            note(f"The setting {name!r} holds from the next start on.")
        config = replace(settled.config, **{name: getattr(before, name) for name in FIXED_AT_START})
        # A keyring that is locked by now refuses no change of something else.
        known = before.api_key if before.source("api_key") == "default" else None
        config = replace(config, api_key=resolve_key(config, Keychain(folders.config), known=known))
        if config == before:
            return
        listeners = self._runner.listeners
        self._runner.apply(config)
        if self._runner.listeners is not listeners:
            self._moved(self._runner.listeners)
        # Last: who reads it may ask for the new address at once.
        note("The changed settings hold now.")

    def _refused(self, settled: Settled) -> Iterator[str]:
        for name in FIXED_AT_START:
            if getattr(settled.config, name) != getattr(self._runner.config, name):
                yield name
