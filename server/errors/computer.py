"""Errors of this computer: its keyring, and what keeps Drawbridge from starting."""

from server.errors.base import DrawbridgeError


class KeyringError(DrawbridgeError):
    """The keyring of this computer cannot read or store the access key."""


class KeyringLocked(KeyringError):
    """The keyring is locked, or is waiting for the user to enter its password."""

    title = "The keyring is locked"
    hint = "Unlock it, then try again."


class KeyringAsking(KeyringLocked):
    """The keyring's password window is open, or the keyring does not answer."""

    title = "The keyring is waiting for its password"
    hint = "Enter it in the keyring's window."


class KeyringMissing(KeyringError):
    """There is no usable keyring."""

    title = "No keyring found"
    hint = "Store the key in a private file, or set DRAWBRIDGE_API_KEY."


class StartError(DrawbridgeError):
    """The server cannot start."""

    title = "Drawbridge cannot start"


class PortTaken(StartError):
    """Another program listens on the port."""

    title = "The port is taken"


class SettingsInvalid(StartError):
    """A setting has an invalid value."""

    title = "A setting is invalid"


class SettingPinned(DrawbridgeError):
    """A flag, a variable or the way Drawbridge is used fixes the setting."""

    title = "This setting cannot be changed here"


class SettingsCorrupt(SettingsInvalid):
    """The settings file is not TOML."""

    title = "The settings file cannot be read"


class KeyNeeded(StartError):
    """A listener that others can reach must have an access key."""

    title = "An access key is needed"


class KeyUnreadable(StartError):
    """The settings require the stored access key, and it cannot be read."""

    title = "The required access key cannot be read"


class KeysUnreadable(DrawbridgeError):
    """The file with the keys of apps cannot be used."""

    title = "The keys of apps cannot be read"


class ProjectsUnreadable(DrawbridgeError):
    """The file with the projects cannot be used."""

    title = "The projects cannot be read"
    hint = "Check the permissions of the data folder, and the free space."


class AlreadyRunning(StartError):
    """Another server uses the same data folder."""

    title = "Drawbridge is already running"
