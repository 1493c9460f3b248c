"""Settings and the access key as the menu changes them: live first, then written, so that nothing refused is kept."""

from collections.abc import Callable
from dataclasses import replace

from server.config import GRACE_S, Config
from server.errors import DrawbridgeError, KeyringMissing, PortTaken, SettingsInvalid
from server.machine.settings_file import Saved
from server.machine.sockets import next_free
from tray.commands import AllowKeyFile, Command, NewKey, Open, RequireKey, SetReach
from tray.control.access_key import Keys
from tray.control.desktop_actions import Errands, Turns
from tray.control.notifications import Notifications
from tray.control.settings import Held, Settings
from tray.control.supervisor import Supervisor
from tray.menu.problems import KeyCreated, SettingsSetAside
from tray.model import Notice

# What running answers get when the server is asked to stop.


class Changes:
    """Carries them out. `config` is what is in force, with the key that is asked for.

    Every method may raise `Held` for what cannot be changed here, `StartError` for what the server refuses (nothing has
    changed then), and `DrawbridgeError` for what could not be written. Nobody waits here for a keyring that asks for
    its password: what is done about the key goes on when it has answered, one click after another.
    """

    def __init__(
        self, preferences: Settings, keys: Keys, supervisor: Supervisor, notifications: Notifications, errands: Errands
    ) -> None:
        self._preferences = preferences
        self._keys = keys
        self._supervisor = supervisor
        self._notifications = notifications
        self._errands = errands
        self._turns = Turns(errands)
        self._refused_port: int | None = None
        self._pending: Command | None = None
        self.config = preferences.config

    def begin(self) -> Config:
        """The settings for a start of the server."""
        if self._preferences.has_changed:
            self.tell(self._preferences.load(set_aside=False))
        self.config = self._keys.resolved(self._in_our_folders(self._preferences.config), anew=True)
        return self.config

    def reload(self) -> None:
        """Another hand has written the settings file."""
        self.tell(self._preferences.load(set_aside=False))
        self._apply(self._keys.resolved(self._in_our_folders(self._preferences.config)))

    def tell(self, saved: Saved) -> None:
        """What is to be said of a settings file that was read."""
        words = " ".join(saved.notices)
        if saved.aside is not None:
            self._notifications.tell(SettingsSetAside(saved.aside, words))
        elif words:
            self._notifications.tell(Notice("The settings file", words, Open("settings")))

    def change(self, **changes: object) -> None:
        """These settings from now on."""
        self._apply(self._keys.resolved(self._in_our_folders(self._preferences.with_changes(**changes))))
        self.tell(Saved(notices=self._preferences.change(**changes)))

    def set_port(self, port: int | None) -> None:
        """That port, or the next free one after the one in use, or after the last one that was refused."""
        server = self._supervisor.server
        current = self.config.port if server is None else server.listeners.port
        wanted = next_free(self.config, self._refused_port or current) if port is None else port
        try:
            self.change(port=wanted)
        except PortTaken:
            self._refused_port = wanted
            raise
        self._refused_port = None

    def set_reach(self, *, is_open: bool) -> None:
        """Whether others can reach us; then they need a key, and one is made where there is none."""

        def opened(_: str) -> None:
            self.change(reach="lan", **self._requiring())

        if is_open:
            self._turns.take(lambda: self._with_key(SetReach(open=True), opened))
        else:
            self._turns.take(lambda: self.change(reach="local"))

    def require_key(self, *, required: bool) -> None:
        """Whether the key is asked for; one is made where there is none."""

        def step() -> None:
            self._check_key_is_ours()
            if required:
                self._with_key(RequireKey(required=True), lambda _: self.change(require_key=True))
            else:
                self._waive_key()

        self._turns.take(step)

    def new_key(self) -> None:
        """Another key, asked for from now on, and in the clipboard if there is one."""

        def made(key: str) -> None:
            self.change(**self._requiring())
            self._notifications.tell(KeyCreated(self._keys.place, is_copied=self._errands.is_copied(key)))

        def step() -> None:
            self._check_key_is_ours()
            self._with_key(NewKey(), made)

        self._turns.take(step)

    def remove_key(self) -> None:
        """No key is asked for, and none is kept."""

        def removed(result: DrawbridgeError | None) -> None:
            if result is not None:
                raise result

        def step() -> None:
            self._check_key_is_ours()
            self._waive_key()
            self._turns.aside(self._keys.remove, removed)

        self._turns.take(step)

    def agree(self) -> Command:
        """The key may be kept in a file. What had to wait for that."""
        self._keys.agree()
        purpose, self._pending = self._pending or NewKey(), None
        return purpose

    def _apply(self, config: Config) -> None:
        try:
            self._supervisor.apply(config)
        except SettingsInvalid:
            # Only a restart can change it.
            self._supervisor.restart(config, GRACE_S)
        self.config = config

    def _in_our_folders(self, config: Config) -> Config:
        """Other folders need another start of the app."""
        return replace(config, data_dir=self.config.data_dir, log_dir=self.config.log_dir)

    def _with_key(self, purpose: Command, then: Callable[[str], None]) -> None:
        """Goes on with the key, a new one for `NewKey` or where there is none.

        Where its owner must first agree to a file, `purpose` is done again then.
        """
        config, is_new = self.config, isinstance(purpose, NewKey)

        def found(key: str | DrawbridgeError) -> None:
            if isinstance(key, KeyringMissing):
                self._pending = purpose
                text = "The access key can be kept in a file that only you can read: agree to it under 'Access key'."
                self._notifications.tell(Notice("This computer has no keyring", text, AllowKeyFile()))
            elif isinstance(key, DrawbridgeError):
                raise key
            else:
                self._keys.know(key)
                then(key)

        self._turns.aside(lambda: self._keys.make() if is_new else self._keys.ensured(config), found)

    def _waive_key(self) -> None:
        if self.config.reach == "lan" or not self.config.is_loopback:
            raise Held("Others can reach Drawbridge, so it must ask for the key.", hint="Close it to others first.")
        self.change(require_key=False)

    def _requiring(self) -> dict[str, object]:
        """The change that asks for the stored key; none where one is given, which is asked for anyway."""
        return {} if self.config.source("api_key") != "default" else {"require_key": True}

    def _check_key_is_ours(self) -> None:
        if self.config.source("api_key") != "default":
            place = self._preferences.holder("api_key") or "The settings file"
            raise Held(f"{place} sets the access key.", hint="Take it out there, and Drawbridge keeps one for you.")
