"""The app's settings: read from the settings file, changed from the menu."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from server.config import OPTIONS, Config, pinned_by, resolve, with_changes
from server.errors import SettingPinned
from server.machine.files.settings_file import Saved, SettingsFile

Apply = Callable[[Config], Config]
"""Makes settings effective and returns them with the access key. If it raises, nothing has changed."""


class Settings:
    """The settings file and `config`, the settings in force. `flags` and `environ` override the file.

    Only variables that begin with DRAWBRIDGE_ count: PORT and the like are for `drawbridge serve`.
    """

    def __init__(self, file: SettingsFile, *, flags: Mapping[str, object], environ: Mapping[str, str]) -> None:
        self.file = file
        self.flags = flags
        self._environ = environ
        self._values: Mapping[str, object] = {}
        # The folders are fixed when the app starts.
        self._folders: dict[str, Path | None] = {}
        self.config = Config()

    @property
    def has_changed(self) -> bool:
        """Whether another program has written the file since it was read."""
        return self.file.changed()

    @property
    def had_key(self) -> bool:
        """Whether the user ever used an access key: only then is the keyring searched for one."""
        return not {"require_key", "reach"}.isdisjoint(self._values)

    @property
    def pinned(self) -> tuple[tuple[str, str], ...]:
        """The settings that cannot be changed here, each with its source."""
        return tuple((option.name, source) for option in OPTIONS if (source := self.pinned_by(option.name)))

    def pinned_by(self, name: str) -> str:
        """The flag or variable that sets it, as in --port or DRAWBRIDGE_PORT; empty if the user may change it."""
        return pinned_by(self.config, name, {})

    def open(self) -> Saved:
        """Reads the file at the start; moves a corrupt one aside. Raises `SettingsInvalid`."""
        saved = self.read(set_aside=True)
        self._start_with(saved.values)
        return saved

    def open_without_file(self) -> None:
        """Starts as if there were no file. Raises `SettingsInvalid` for a flag or variable."""
        self._start_with({})

    def read(self, *, set_aside: bool = False) -> Saved:
        """Reads the file, for `activate`; `set_aside` moves a corrupt one away. Raises `SettingsInvalid`."""
        saved = self.file.read(set_aside=set_aside)
        self._resolve(saved.values)
        self._values = saved.values
        return saved

    @property
    def wanted(self) -> Config:
        """The values that were read last, which `activate` makes effective."""
        return self._resolve(self._values)

    def activate(self, apply: Apply) -> None:
        """Makes the values that were read last effective."""
        self.config = apply(self._resolve(self._values))

    def commit(self, changes: Mapping[str, object], apply: Apply) -> tuple[str, ...]:
        """Applies changes, then writes them to the file, so that a refused value is never saved.

        Returns notices about the file. Raises `SettingPinned`, what `apply` raises, and `DrawbridgeError` if the file
        cannot be written: then the changes last until the app quits.
        """
        for name in changes:
            if source := self.pinned_by(name):
                raise SettingPinned(f"{source} sets it while Drawbridge runs.", hint="Start Drawbridge without it.")
        values = with_changes(self._values, changes)
        self.config = apply(self._resolve(values))
        self._values = values
        keys = {option.name: option.key for option in OPTIONS}
        return self.file.write({keys[name]: value for name, value in changes.items()})

    def after(self, changes: Mapping[str, object], *, at_next_start: bool = False) -> Config:
        """What `commit` would make effective, or with `at_next_start` what the next start would."""
        config = self._resolve(with_changes(self._values, changes))
        if not at_next_start:
            return config
        return resolve(
            flags=self.flags,
            environment=self._environ,
            file=with_changes(self._values, changes),
            unprefixed=False,
        )

    def _start_with(self, values: Mapping[str, object]) -> None:
        self.config = self._resolve(values)
        self._folders = {"data_dir": self.config.data_dir, "log_dir": self.config.log_dir}

    def _resolve(self, values: Mapping[str, object]) -> Config:
        config = resolve(flags=self.flags, environment=self._environ, file=values, unprefixed=False)
        # Code reloading restarts the process; that is for `drawbridge serve`.
        return replace(config, reload=False, **self._folders)  # type: ignore[arg-type] # two fields of paths
