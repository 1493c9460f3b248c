"""Waits for the stored access key before a start: a keyring may stay locked until the user returns."""

import logging
from collections.abc import Callable
from typing import TypeVar

from server.config import Config
from server.errors import DrawbridgeError, KeyringAsking, KeyringLocked
from tray.control.background import Background
from tray.control.keys.access_key import AccessKey

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How often the keyring is asked again, or, after the user has closed its password window, whether it is open now.
RETRY_S = 3.0


class KeyWait:
    """Reads the key in the background until it is known; `error` says why it is not yet.

    All methods run on the controller's thread. Only one password window is ever open, and none opens again after the
    user has closed it: then only a keyring that was unlocked elsewhere is read.
    """

    def __init__(self, access_key: AccessKey, background: Background, *, clock: Callable[[], float]) -> None:
        self._access_key = access_key
        self._background = background
        self._clock = clock
        self._config = Config()
        self._on_key: Callable[[str | None], None] = lambda _: None
        # Incremented by each `begin` and `cancel`: results of earlier ones are dropped.
        self._number = 0
        self.is_waiting = False
        self.error: DrawbridgeError | None = None
        self.next_at: float | None = None

    def begin(self, config: Config, on_key: Callable[[str | None], None]) -> None:
        """Reads the key that `config` needs, and calls `on_key` with it. A later `begin` or `cancel` ends this one."""
        self.cancel()
        self._config, self._on_key, self.is_waiting = config, on_key, True
        self._read()

    def cancel(self) -> None:
        """Stops waiting."""
        self._number += 1
        self.is_waiting, self.error, self.next_at = False, None, None

    def tick(self) -> None:
        """Tries again when that is due."""
        if self.next_at is None or self._clock() < self.next_at:
            return
        self.next_at = None
        cause = self.error.__cause__ if self.error is not None else None
        if isinstance(cause, KeyringLocked) and not isinstance(cause, KeyringAsking):
            self._run(self._access_key.may_be_readable, self._on_checked)
        else:
            self._read()

    def _read(self) -> None:
        config = self._config
        self._run(lambda: self._access_key.read(config), self._on_read)

    def _on_read(self, result: str | DrawbridgeError | None) -> None:
        if isinstance(result, DrawbridgeError):
            logger.info("the access key is not known yet: %s", result.message)
            # While its password window was open, the call has already waited: try again at once.
            self.error = result
            self.next_at = self._clock() + (0.0 if isinstance(result.__cause__, KeyringAsking) else RETRY_S)
            return
        on_key = self._on_key
        self.cancel()
        on_key(result)

    def _on_checked(self, is_unlocked: bool | DrawbridgeError) -> None:  # noqa: FBT001 # a result
        if is_unlocked is True:
            self._read()
        else:
            self.next_at = self._clock() + RETRY_S

    def _run(self, work: Callable[[], T], on_done: Callable[[T | DrawbridgeError], None]) -> None:
        number = self._number

        def done(result: T | DrawbridgeError) -> None:
            if number == self._number:
                on_done(result)

        self._background.run(work, done)
