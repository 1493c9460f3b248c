"""Manages the access key: create, store, require, remove. Storing it in a file needs the user's consent."""

from dataclasses import replace

from server.config import Config
from server.errors import DrawbridgeError, KeyringMissing
from server.machine.keychain import Keychain, KeyPlaceName, new_key, resolve_key
from tray.model import KeyPlace, KeyState

_PLACES: dict[KeyPlaceName, KeyPlace] = {"keyring": KeyPlace.KEYRING, "file": KeyPlace.FILE}


class AccessKey:
    """The access key and its `place`.

    `find_place`, `get`, `get_or_create`, `create` and `remove` block until the keyring answers or times out; so does
    `resolve` if the key is not known yet.
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

    def remember(self, key: str) -> None:
        """Caches the stored key, so that the keyring is not asked again while the key is required."""
        self._known = key

    def resolve(self, config: Config, *, refresh: bool = False) -> Config:
        """`config` with the required key, if any; from the cache, unless `refresh`. Raises `KeyUnreadable`."""
        key = resolve_key(config, self._keychain, known=None if refresh else self._known)
        if key is not None and config.api_key is None and self.place is KeyPlace.NONE:
            self.find_place()
        self._known = key if config.api_key is None else None
        return replace(config, api_key=key)

    def state(self, config: Config) -> KeyState:
        """What the menu shows. `config`: the settings in force, with the key."""
        is_given = config.source("api_key") != "default"
        return KeyState(
            is_required=config.local_key is not None,
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
