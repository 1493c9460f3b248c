"""Manages the access key: create, store, require, remove. Storing it in a file needs the user's consent."""

from dataclasses import replace

from server.config import Config
from server.errors import DrawbridgeError, KeyringMissing
from server.machine.keychain import Keychain, KeyPlaceName, needs_stored_key, new_key, resolve_key
from tray.model import KeyPlace, KeyState

_PLACES: dict[KeyPlaceName, KeyPlace] = {"keyring": KeyPlace.KEYRING, "file": KeyPlace.FILE}


class AccessKey:
    """The access key and its `place`.

    `find_place`, `read`, `may_be_readable`, `get`, `get_or_create`, `create` and `remove` block until the keyring
    answers or times out.
    """

    def __init__(self, keychain: Keychain) -> None:
        self._keychain = keychain
        self.place = KeyPlace.NONE
        self._may_use_file = False
        self.asks_for_file = False
        self._known: str | None = None

    def find_place(self) -> None:
        """Finds out where the key is. A locked keyring may ask for its password, so only for users who had a key."""
        try:
            found = self._keychain.find()
        except DrawbridgeError:
            return
        self.place = _PLACES[found.place] if found else KeyPlace.NONE

    def remember(self, key: str | None) -> None:
        """Caches the stored key, so that the keyring is not asked again while the key is required."""
        self._known = key

    def read(self, config: Config) -> str | None:
        """The stored key that `config` needs, newly read. Raises `KeyUnreadable`."""
        key = resolve_key(config, self._keychain)
        if key is not None and self.place is KeyPlace.NONE:
            self.find_place()
        return key

    def may_be_readable(self) -> bool:
        """Whether the keyring has been unlocked, without asking the user for its password."""
        return self._keychain.is_unlocked() is True

    def lacks(self, config: Config) -> bool:
        """Whether `config` needs the stored key and it is not cached."""
        return self._known is None and needs_stored_key(config)

    def complete(self, config: Config) -> Config:
        """`config` with the cached key if it needs the stored one."""
        if not needs_stored_key(config):
            self._known = None
            return config
        return replace(config, api_key=self._known)

    def state(self, config: Config) -> KeyState:
        """What the menu shows. `config`: the settings in force, with the key."""
        is_given = config.source("api_key") != "default"
        return KeyState(
            is_required=config.require_key or config.local_key is not None,
            place=KeyPlace.SETTINGS if is_given else self.place,
            asks_for_file=self.asks_for_file,
            is_fixed=not config.is_loopback,
        )

    def get(self, config: Config) -> str | None:
        """The key, whether or not it is required; None if there is none. Raises if the keyring cannot be read."""
        if config.api_key is not None:
            return config.api_key
        if (found := self._keychain.find()) is None:
            return None
        self.place = _PLACES[found.place]
        return found.key

    def get_or_create(self, config: Config) -> tuple[str, bool]:
        """The key, and whether it is new because there was none. Raises what `get` and `create` raise."""
        try:
            key = self.get(config)
        except KeyringMissing:
            key = None
        return (key, False) if key else (self.create(), True)

    def allow_file(self) -> None:
        """The user agrees to a private file."""
        self._may_use_file, self.asks_for_file = True, False

    def create(self) -> str:
        """Replaces the key. Raises `KeyringMissing` if there is no keyring, until `allow_file` was called."""
        key = new_key()
        try:
            self.place = _PLACES[self._keychain.store(key, allow_file=self._may_use_file)]
        except KeyringMissing:
            self.asks_for_file = True
            raise
        self.asks_for_file = False
        return key

    def remove(self) -> None:
        """Deletes the key."""
        self._keychain.remove()
        self.place = KeyPlace.NONE
