"""Applies edits of the settings file, and changes made in the dashboard, to a running `drawbridge serve`."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from server.commands.options import Settled
from server.commands.output import note
from server.config import FIXED_AT_START, OPTIONS, Config, pinned_by
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
        # `check` runs in the main thread, `change` in one of the server's.
        self._lock = threading.Lock()
        # The file was read a moment ago and its problems were reported, so only an edit from now on counts.
        with suppress(SettingsInvalid):
            self._file.read(set_aside=False)

    def check(self) -> None:
        """Applies changes and reports them. An invalid file changes nothing. Cheap; never raises."""
        with self._lock:
            self._check()

    def follow_network(self) -> None:
        """Moves the listeners for other devices to the addresses that this computer has now. Cheap; never raises."""
        with self._lock:
            listeners = self._runner.listeners
            self._runner.follow_network()
            if self._runner.listeners is not listeners:
                self._on_listeners(self._runner.listeners)

    @property
    def wanted(self) -> Config:
        """The settings as flags, variables and the file give them now."""
        try:
            return self._settled.again().config
        except DrawbridgeError:
            return self._runner.config

    def change(self, changes: Mapping[str, object]) -> tuple[str, ...]:
        """Applies values by the names in `Config`, then writes them to the file, so that a refused one is not saved.

        For another thread. Returns notices about the file.
        """
        with self._lock:
            self._apply(self._settled.after(changes))
            keys = {option.name: option.key for option in OPTIONS}
            return self._file.write({keys[name]: value for name, value in changes.items()})

    def _check(self) -> None:
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


class ServedSettings:
    """The settings of a running `drawbridge serve`, as the dashboard changes them; see `SettingsPort`."""

    restarting: frozenset[str] = frozenset()

    def __init__(self) -> None:
        # Set before the first request is answered.
        self.watcher: SettingsWatcher | None = None

    @property
    def wanted(self) -> Config:
        """The settings as flags, variables and the file give them."""
        return self._live.wanted

    def pinned_by(self, name: str) -> str:
        """The flag or variable that sets it; empty if the user may change it."""
        return pinned_by(self._live.wanted, name, os.environ)

    def change(self, changes: Mapping[str, object]) -> tuple[str, ...]:
        """Applies and saves the changes."""
        return self._live.change(changes)

    @property
    def _live(self) -> SettingsWatcher:
        assert self.watcher is not None
        return self.watcher
