"""The settings as the desktop changes them: written to the settings file, and read again when another hand wrote it."""

from collections.abc import Mapping
from dataclasses import replace

from server.config import OPTIONS, Config, resolve
from server.errors import DrawbridgeError
from server.machine.settings_file import Saved, SettingsFile


class Held(DrawbridgeError):
    """A flag, a variable or another program holds the setting: it cannot be changed here."""

    title = "It cannot be changed here"


class Settings:
    """The settings in force. `flags` and `environ` come before the file, for as long as this program runs.

    Only names that begin with DRAWBRIDGE_ count: PORT and its like are for `drawbridge serve`.
    """

    def __init__(self, file: SettingsFile, *, flags: Mapping[str, object], environ: Mapping[str, str]) -> None:
        self.file = file
        self.flags = flags
        self._environ = environ
        self._saved: Mapping[str, object] = {}
        self._unsaved: dict[str, object] = {}
        self.config = Config()

    @property
    def has_changed(self) -> bool:
        """Whether another hand has written the file since it was read."""
        return self.file.changed()

    @property
    def has_known_keys(self) -> bool:
        """Whether a key was ever asked for: only then may a keyring have one."""
        return "require_key" in self._saved

    @property
    def pinned(self) -> tuple[tuple[str, str], ...]:
        """The settings that cannot be changed here, each with what holds it."""
        return tuple((option.name, holder) for option in OPTIONS if (holder := self.holder(option.name)))

    def holder(self, name: str) -> str:
        """What holds the setting, as in DRAWBRIDGE_PORT or --port; empty where it is free."""
        option = next(option for option in OPTIONS if option.name == name)
        source = self.config.source(name)
        if source == "variable":
            return option.variables[0]
        return f"--{option.key.replace('_', '-')}" if source == "flag" else ""

    def load(self, *, set_aside: bool) -> Saved:
        """Reads the file. Raises `SettingsInvalid`; then nothing has changed.

        `set_aside`: a corrupt one is moved away, as the result says. Not while somebody may be writing in it.
        """
        saved = self.file.read(set_aside=set_aside)
        self.config = self._resolved(saved.values)
        self._saved, self._unsaved = saved.values, {}
        return saved

    def load_without_file(self) -> None:
        """As if there were no file. Raises `SettingsInvalid` for a flag or a variable."""
        self.config = self._resolved({})

    def with_changes(self, **changes: object) -> Config:
        """The settings as they would be with these. Raises `Held` for one that cannot be changed here."""
        for name in changes:
            if holder := self.holder(name):
                raise Held(f"{holder} sets it for as long as Drawbridge runs.", hint="Start Drawbridge without it.")
        return self._resolved({**self._saved, **self._unsaved, **_by_key(changes)})

    def change(self, **changes: object) -> tuple[str, ...]:
        """Takes these over and writes them; what was wrong with the file is returned in words.

        Raises `Held`, and `DrawbridgeError` where the file cannot be written: then they hold until the program ends.
        """
        self.config = self.with_changes(**changes)
        self._unsaved |= _by_key(changes)
        notices = self.file.write(_by_key(changes))
        self._saved = {**self._saved, **self._unsaved}
        self._unsaved = {}
        return notices

    def _resolved(self, file: Mapping[str, object]) -> Config:
        config = resolve(flags=self.flags, environment=self._environ, file=file, unprefixed=False)
        # The whole process would have to start again, and that is for work on Drawbridge without an icon.
        return replace(config, reload=False)


def _by_key(changes: Mapping[str, object]) -> dict[str, object]:
    """By their names in the file."""
    keys = {option.name: option.key for option in OPTIONS}
    return {keys[name]: value for name, value in changes.items()}
