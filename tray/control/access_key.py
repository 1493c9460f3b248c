"""The access key as the menu handles it: made, kept, asked for, forgotten, with leave where it would be in a file."""

from dataclasses import replace
from typing import Protocol

from server.config import Config
from server.errors import DrawbridgeError, KeyringMissing
from server.machine.keychain import KeyPlaceName, StoredKey, new_key, resolve_key
from tray.model import KeyPlace, KeyState

_PLACES: dict[KeyPlaceName, KeyPlace] = {"keyring": KeyPlace.KEYRING, "file": KeyPlace.FILE}


class Keychain(Protocol):
    """Where the key is kept; see `server.machine.keychain.Keychain`."""

    def find(self) -> StoredKey | None:
        """The key."""
        ...

    def store(self, key: str, *, allow_file: bool) -> KeyPlaceName:
        """Keeps it."""
        ...

    def remove(self) -> None:
        """Forgets it."""
        ...


class Keys:
    """The access key of this app, at its `place`.

    `look`, `current`, `ensured`, `make` and `remove` may take as long as the keyring's deadline, and `resolved` where
    the key is not known yet.
    """

    def __init__(self, keychain: Keychain) -> None:
        self._keychain = keychain
        self.place = KeyPlace.NONE
        self._may_use_file = False
        self.asks_for_file = False
        self._known: str | None = None

    def look(self) -> None:
        """Finds out where the key is; a keyring that does not answer leaves it unknown.

        A locked one may ask for its password, so this is only for who has had a key.
        """
        try:
            found = self._keychain.find()
        except DrawbridgeError:
            return
        self.place = _PLACES[found.place] if found else KeyPlace.NONE

    def know(self, key: str) -> None:
        """Remembers the stored one: the keyring is not asked for it again while it is required."""
        self._known = key

    def resolved(self, config: Config, *, anew: bool = False) -> Config:
        """`config` with the key to ask for, if any; the one in force stays, unless it is looked up `anew`.

        Raises `KeyUnreadable`.
        """
        known = None if anew else self._known
        # The keychain is a Protocol here; its own module asks for no more than `find`.
        key = resolve_key(config, self._keychain, known=known)  # type: ignore[arg-type]
        if key is not None and config.api_key is None and self.place is KeyPlace.NONE:
            self.look()
        self._known = key if config.api_key is None else None
        return replace(config, api_key=key)

    def state(self, config: Config) -> KeyState:
        """As the menu shows it. `config` is the one in force, with its key."""
        is_given = config.source("api_key") != "default"
        return KeyState(
            is_required=config.api_key is not None,
            place=KeyPlace.SETTINGS if is_given else self.place,
            asks_for_file=self.asks_for_file,
        )

    def current(self, config: Config) -> str | None:
        """The key, whether or not it is asked for; None when there is none. Raises where the keyring does not tell."""
        if config.api_key is not None:
            return config.api_key
        if (found := self._keychain.find()) is None:
            return None
        self.place = _PLACES[found.place]
        return found.key

    def ensured(self, config: Config) -> str:
        """The key; a new one where there is none. Raises as `current` and `make` do."""
        try:
            key = self.current(config)
        except KeyringMissing:
            key = None
        return key or self.make()

    def agree(self) -> None:
        """The person agrees that a file keeps the key."""
        self._may_use_file, self.asks_for_file = True, False

    def make(self) -> str:
        """A new key instead of the one before. Raises `KeyringMissing` until `agree` where there is no keyring."""
        key = new_key()
        try:
            self.place = _PLACES[self._keychain.store(key, allow_file=self._may_use_file)]
        except KeyringMissing:
            self.asks_for_file = True
            raise
        self.asks_for_file = False
        return key

    def remove(self) -> None:
        """Forgets the key."""
        self._keychain.remove()
        self.place = KeyPlace.NONE
