"""Where things are kept on this computer: settings, the app's own files, logs."""

import sys
from dataclasses import dataclass
from pathlib import Path

from server.config import Config
from server.errors import StartError

_NAME = "drawbridge" if sys.platform.startswith(("linux", "freebsd")) else "Drawbridge"
SETTINGS_FILE = "settings.toml"


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one user. They need not exist yet; see `make`."""

    config: Path
    data: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The file of the settings, which a person may edit."""
        return self.config / SETTINGS_FILE

    def make(self) -> None:
        """Makes those of data and logs, for this user only. Raises `StartError`, naming the one that fails."""
        for folder, setting in (
            (self.data, "--data-dir (DRAWBRIDGE_DATA_DIR)"),
            (self.logs, "--log-dir (LOG_DIR)"),
        ):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise StartError(
                    f"The folder {str(folder)!r} cannot be made: {error.strerror}.",
                    hint=f"Choose another one with {setting}.",
                ) from error


def find_folders(config: Config | None = None) -> Folders:
    """The system's own places, or those that `config` names. Nothing is made."""
    standard = _standard_folders()
    if config is None:
        return standard
    return Folders(
        config=standard.config,
        data=(config.data_dir or standard.data).absolute(),
        logs=(config.log_dir or standard.logs).absolute(),
    )


def _standard_folders() -> Folders:
    # Lazy: only who needs folders pays for asking the system. Never its folder for run-time files: where that is
    # missing one is made below /tmp, where others may have been first.
    from platformdirs import PlatformDirs

    system = PlatformDirs(_NAME, appauthor=False, roaming=False)
    return Folders(config=system.user_config_path, data=system.user_data_path, logs=system.user_log_path)
