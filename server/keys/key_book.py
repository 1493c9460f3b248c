"""The named keys as a server, the app and the commands use them: found, created, changed and revoked."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from server.errors import DrawbridgeError, InvalidRequest, KeysUnreadable, NotFound
from server.keys.key_file import NO_KEYS, KeyFile, Keys, KeysDamaged, Stamp
from server.keys.named_key import NamedKey, checked_name, id_in, make_key, same_name
from server.keys.rate_limit import Meter
from server.keys.rights import ALL, Rights

logger = logging.getLogger(__name__)

MOST_KEYS = 1000


class NameTaken(InvalidRequest):
    """Another key has the name."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What a key has used in the last minute, and when it was used last, as a Unix time, since the server's start."""

    requests: int = 0
    tokens: int = 0
    used_at: float | None = None


class KeyBook:
    """The keys in `folder`. Every process sees a change of another one at its next look.

    `find`, `admit` and `spent` are called in the server's loop. The other methods may be called from any thread;
    those that change something wait for the disk.
    """

    def __init__(
        self, folder: Path, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self.file = KeyFile(folder)
        self._clock = clock
        self._wall = wall
        self._seen: tuple[Stamp | None, Keys] = (None, NO_KEYS)
        self._meters: dict[str, Meter] = {}
        self._used_at: dict[str, float] = {}
        self.trouble: str | None = None
        """Why keys are refused that were created once; None if there is no such problem."""

    def listed(self) -> tuple[NamedKey, ...]:
        """The keys, the oldest first. Never raises: the keys in a file that cannot be used are refused."""
        return tuple(self._current().values())

    def find(self, text: str) -> NamedKey | None:
        """The key with this text. Costs a few microseconds, however many keys there are."""
        id_ = id_in(text)
        key = self._current().get(id_) if id_ is not None else None
        return key if key is not None and key.is_text(text) else None

    def named(self, name: str) -> NamedKey:
        """The key with this name. Raises `NotFound`."""
        return _named(self._current(), name)

    def add(self, name: object, rights: Rights = ALL) -> tuple[NamedKey, str]:
        """Creates a key and returns it with its text, which is kept nowhere. Raises `InvalidRequest` for its name."""
        key, text = make_key(checked_name(name), rights, now=self._wall())

        def added(keys: Keys) -> Keys:
            _check_free(keys, key.name)
            if len(keys) >= MOST_KEYS:
                raise InvalidRequest(f"There are {MOST_KEYS} keys already.", hint="Revoke those that no app uses.")
            return {**keys, key.id: key}

        self._change(added)
        return key, text

    def free_name(self, name: str) -> str:
        """`name`, or `name` with a number if there is such a key."""
        taken = [key.name for key in self.listed()]
        numbered = (name if number == 1 else f"{name} {number}" for number in range(1, MOST_KEYS + 2))
        return next(each for each in numbered if not any(same_name(each, one) for one in taken))

    def change(self, name: str, *, new_name: object = None, rights: Rights | None = None) -> NamedKey:
        """Renames a key, or changes its rights. Raises `NotFound` or `InvalidRequest`."""
        changed: list[NamedKey] = []

        def replaced(keys: Keys) -> Keys:
            key = _named(keys, name)
            if new_name is not None:
                _check_free({id_: one for id_, one in keys.items() if id_ != key.id}, checked_name(new_name))
                key = replace(key, name=checked_name(new_name))
            changed.append(replace(key, rights=rights) if rights is not None else key)
            return {**keys, key.id: changed[-1]}

        self._change(replaced)
        return changed[-1]

    def revoke(self, name: str) -> NamedKey:
        """Deletes a key: requests with it are refused from now on, and running answers go on. Raises `NotFound`."""
        revoked: list[NamedKey] = []

        def without(keys: Keys) -> Keys:
            revoked.append(_named(keys, name))
            return {id_: one for id_, one in keys.items() if id_ != revoked[-1].id}

        self._change(without)
        return revoked[-1]

    def admit(self, key: NamedKey) -> None:
        """Counts a request for a model. Raises `KeyLimited`."""
        self._meters.setdefault(key.id, Meter()).admit(key.name, key.rights, self._clock())

    def spent(self, key: NamedKey, tokens: int) -> None:
        """Counts the tokens of an answer, and remembers that the key was used."""
        self._used_at[key.id] = self._wall()
        if tokens:
            self._meters.setdefault(key.id, Meter()).tokens.add(tokens, self._clock())

    def use_of(self, key: NamedKey) -> KeyUse:
        """What the key has used."""
        meter, now = self._meters.get(key.id, Meter()), self._clock()
        return KeyUse(meter.requests.sum(now), meter.tokens.sum(now), self._used_at.get(key.id))

    def _change(self, what: Callable[[Keys], Keys]) -> None:
        self._current()
        try:
            self.file.change(what)
        except KeysDamaged:
            # Damaged since then.
            self._current()
            self.file.change(what)
        self.trouble = None

    def _current(self) -> Keys:
        """The keys as the file has them now."""
        seen, keys = self._seen
        stamp = self.file.stamp()
        if stamp == seen:
            return keys
        try:
            keys = self._read()
        except DrawbridgeError as error:
            keys = NO_KEYS
            self.trouble = str(error)
            logger.error("named keys are refused: %s", error)
        else:
            self.trouble = self.trouble if stamp is None else None
        self._seen = stamp, keys
        self._meters = {id_: meter for id_, meter in list(self._meters.items()) if id_ in keys}
        self._used_at = {id_: at for id_, at in list(self._used_at.items()) if id_ in keys}
        return keys

    def _read(self) -> Keys:
        try:
            return self.file.read()
        except KeysDamaged as error:
            aside = self.file.set_aside()
            if aside is None:
                return self.file.read()
            raise KeysUnreadable(
                f"The file with the keys of apps was damaged. It is now {aside.name!r}.", hint=error.hint
            ) from error


def _named(keys: Keys, name: str) -> NamedKey:
    for key in keys.values():
        if same_name(key.name, name):
            return key
    raise NotFound(f"There is no key with the name '{name[:100]}'.", hint="'drawbridge keys list' shows all keys.")


def _check_free(keys: Keys, name: str) -> None:
    for key in keys.values():
        if same_name(key.name, name):
            raise NameTaken(
                f"There is a key with the name '{key.name}' already.",
                param="name",
                hint="Choose another name, or revoke that key first.",
            )
