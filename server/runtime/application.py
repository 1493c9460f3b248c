"""Creates the application with what is kept in the data folder."""

from server.config import Config
from server.machine.files.paths import Folders
from server.machine.files.secret_file import stable_secret
from server.web.interfaces import App, ControlPort, Engine

_SEAL = "seal.key"


def create_application(folders: Folders, config: Config, engine: Engine, control: ControlPort) -> App:
    """The application. What it seals for clients opens again after a restart."""
    # Imported in a thread before.
    from server.app import create_app
    from server.dialects.common.sealed import Seal

    return create_app(config, engine, control, seal=Seal(stable_secret(folders.data / _SEAL)))
