"""Finds the folders for settings, data and logs on this computer."""

import sys
from dataclasses import dataclass
from pathlib import Path

from server.config import Config
from server.errors import StartError

_NAME = "drawbridge" if sys.platform.startswith(("linux", "freebsd")) else "Drawbridge"
SETTINGS_FILE = "settings.toml"


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one user. They may not exist yet; see `make`."""

    config: Path
    data: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The settings file, which the user may edit."""
        return self.config / SETTINGS_FILE

    def make(self) -> None:
        """Creates the data and log folders, private to this user. Raises `StartError`, naming the one that fails."""
        for folder, setting in (
            (self.data, "--data-dir (DRAWBRIDGE_DATA_DIR)"),
            (self.logs, "--log-dir (LOG_DIR)"),
        ):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise StartError(
                    f"The folder {str(folder)!r} cannot be created: {error.strerror}.",
                    hint=f"Choose another one with {setting}.",
                ) from error


def find_folders(config: Config | None = None) -> Folders:
    """Returns the system's standard folders, or those that `config` names, without creating them."""
    standard = _standard_folders()
    if config is None:
        return standard
    return Folders(
        config=standard.config,
        data=(config.data_dir or standard.data).absolute(),
        logs=(config.log_dir or standard.logs).absolute(),
    )


def _standard_folders() -> Folders:
    # Lazy import. Never the system's runtime folder: if that is missing, one is created below /tmp, where another user
    # may have created it first.
    from platformdirs import PlatformDirs

    system = PlatformDirs(_NAME, appauthor=False, roaming=False)
    return Folders(config=system.user_config_path, data=system.user_data_path, logs=system.user_log_path)
