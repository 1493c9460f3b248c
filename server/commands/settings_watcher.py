"""Applies edits of the settings file to a running `drawbridge serve`."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from server.commands.options import Settled
from server.commands.output import note
from server.config import FIXED_AT_START
from server.errors import DrawbridgeError, SettingsInvalid
from server.machine.files.settings_file import SettingsFile
from server.machine.keychain import Keychain, resolve_key
from server.machine.network.sockets import Listeners

if TYPE_CHECKING:
    from server.runtime.runner import Runner

logger = logging.getLogger(__name__)


class SettingsWatcher:
    """Applies changes of the settings file of `settled` to `runner`; calls `on_listeners` when its listeners change."""

    def __init__(self, settled: Settled, runner: "Runner", on_listeners: Callable[[Listeners], None]) -> None:
        self._settled = settled
        self._runner = runner
        self._on_listeners = on_listeners
        self._file = SettingsFile(settled.folders.settings_file)
        # The file was read a moment ago and its problems were reported, so only an edit from now on counts.
        with suppress(SettingsInvalid):
            self._file.read(set_aside=False)

    def check(self) -> None:
        """Applies changes and reports them. An invalid file changes nothing. Cheap; never raises."""
        if not self._file.changed():
            return
        with suppress(SettingsInvalid):
            # Marks this version of the file as read, so that its problems are reported only once.
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
            note(f"The setting {name!r} takes effect at the next start.")
        config = replace(settled.config, **{name: getattr(before, name) for name in FIXED_AT_START})
        # If the keyring is locked by now, other changes still apply.
        known = before.api_key if before.source("api_key") == "default" else None
        config = replace(config, api_key=resolve_key(config, Keychain(folders.config), known=known))
        if config == before:
            return
        listeners = self._runner.listeners
        self._runner.apply(config)
        if self._runner.listeners is not listeners:
            self._on_listeners(self._runner.listeners)
        # Last: a script that reads it may use the new address at once.
        note("The changed settings are in force.")

    def _refused(self, settled: Settled) -> Iterator[str]:
        for name in FIXED_AT_START:
            if getattr(settled.config, name) != getattr(self._runner.config, name):
                yield name
