"""Changes of settings and of the access key: applied to the running server first, then saved."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol, assert_never

from server.config import GRACE_S, Config
from server.errors import DrawbridgeError, KeyringMissing, PortTaken, SettingPinned, SettingsInvalid
from server.machine.files.settings_file import Saved
from server.machine.network.sockets import is_free, next_free
from tray.commands import (
    AllowKeyFile,
    AllowOrigin,
    ChangeSetting,
    Command,
    NewKey,
    Open,
    RemoveKey,
    RequireKey,
    SetReach,
)
from tray.control.background import Background, SerialQueue
from tray.control.keys.access_key import AccessKey
from tray.control.notifications import Notifications
from tray.control.settings.page_settings import ChangeFromPage
from tray.control.settings.settings import Settings
from tray.control.supervisor import Supervisor
from tray.menu.problems import OPEN_SETTINGS, KeyReplaced, KeyRequired, NetworkOpened, SettingsSetAside
from tray.model import KeyPlace, Notice

SettingCommand = ChangeSetting | AllowOrigin | RequireKey | NewKey | RemoveKey | SetReach


class OnKey(Protocol):
    """Gets the key, and whether it was created for this."""

    def __call__(self, key: str, *, is_new: bool) -> None:
        """Uses the key."""


class SettingsChanges:
    """Carries them out. `copy` puts a new key on the clipboard and returns whether that worked.

    Every method may raise `SettingPinned`, `StartError` for what the server refuses (then nothing has changed), and
    `DrawbridgeError` for what cannot be written. Work on the key runs in the background, since a keyring may ask for
    its password, and in the order of the clicks.
    """

    def __init__(
        self,
        settings: Settings,
        access_key: AccessKey,
        supervisor: Supervisor,
        notifications: Notifications,
        background: Background,
        copy: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._access_key = access_key
        self._supervisor = supervisor
        self._notifications = notifications
        self._copy = copy
        self._key_steps = SerialQueue(background)
        self._refused_port: int | None = None
        self._is_file_refused = False
        self._needs_consent: Command | None = None

    def prepare_start(self) -> Config:
        """The settings to start the server with, the file's newest; without the stored key, which may be another."""
        if self._settings.has_changed:
            self.report(self._settings.read())
        self._access_key.remember(None)
        self._settings.activate(self._access_key.complete)
        return self._settings.config

    def finish_start(self, key: str | None) -> Config:
        """The settings to start the server with, now that the stored key is known."""
        self._access_key.remember(key)
        self._settings.activate(self._access_key.complete)
        return self._settings.config

    def reload(self) -> None:
        """Reads the settings file again, since another program has written it. Reads the key too if it is needed."""
        self.report(self._settings.read())
        wanted = self._settings.wanted

        def found(key: str | DrawbridgeError | None) -> None:
            if isinstance(key, DrawbridgeError):
                raise key
            self._access_key.remember(key)
            self._activate()

        if self._supervisor.server is None or not self._access_key.lacks(wanted):
            self._activate()
        else:
            self._key_steps.add(lambda: self._key_steps.run(lambda: self._access_key.read(wanted), found))

    def report(self, saved: Saved) -> None:
        """Notifies of what was wrong with the settings file."""
        text = " ".join(saved.notices)
        if saved.aside is not None:
            self._notifications.show(SettingsSetAside(saved.aside, text))
        elif text:
            self._notifications.show(Notice("The settings file", text, Open("settings"), OPEN_SETTINGS))

    def execute(self, command: SettingCommand) -> None:
        """Carries out a command of the menu."""
        match command:
            case ChangeSetting():
                self.change(**{command.name: command.value})
            case AllowOrigin():
                self.allow_origin(command.origin)
            case RequireKey():
                self.require_key(required=command.required)
            case NewKey():
                self.new_key()
            case RemoveKey():
                self.remove_key()
            case SetReach():
                self.set_reach(is_open=command.open)
            case _:
                assert_never(command)

    def change(self, **changes: object) -> None:
        """Applies and saves these settings."""
        self.report(Saved(notices=self._settings.commit(changes, self._apply)))

    def change_from_page(self, event: ChangeFromPage) -> None:
        """Applies and saves the dashboard's changes, creating the access key if they need one and there is none."""

        def carry_out(key: tuple[str, bool] | DrawbridgeError | None) -> None:
            if isinstance(key, DrawbridgeError):
                event.done.set_exception(key)
                return
            if key is not None:
                self._access_key.remember(key[0])
            try:
                notices = self._settings.commit(event.changes, self._apply)
            except Exception as error:  # noqa: BLE001 # the dashboard shows it
                event.done.set_exception(error)
                return
            event.done.set_result(notices)
            if key is not None:
                opened = NetworkOpened if "reach" in event.changes else KeyRequired
                self._notifications.show(opened(is_new=key[1], is_copied=self._copy(key[0])))

        try:
            wanted = self._settings.after(event.changes)
        except DrawbridgeError as error:
            event.done.set_exception(error)
            return
        if self._supervisor.server is None or not self._access_key.lacks(wanted):
            carry_out(None)
        else:
            self._key_steps.add(
                lambda: self._key_steps.run(lambda: self._access_key.get_or_create(self._settings.config), carry_out)
            )

    def set_port(self, port: int | None) -> None:
        """Listens on this port; None: the next free one after the port in use or the last one that was refused."""
        server, self._is_file_refused = self._supervisor.server, False
        current = self._settings.config.port if server is None else server.listeners.port
        wanted = next_free(self._settings.config, self._refused_port or current) if port is None else port
        try:
            self.change(port=wanted)
        except PortTaken as error:
            self._refused_port = wanted
            if server is None:
                raise
            still = f"{error.message} Drawbridge stays on port {current}."
            raise PortTaken(still, hint=error.hint, title=error.title) from error
        self._refused_port = None

    def mend_port(self) -> bool:
        """Whether a port refused to the running server is free by now. One that the file names is then used."""
        config = replace(self._settings.config, port=self._refused_port or self._settings.wanted.port)
        if self._supervisor.server is None or not (self._refused_port or self._is_file_refused):
            return False
        if not is_free(config):
            return False
        is_file_refused, self._refused_port, self._is_file_refused = self._is_file_refused, None, False
        if is_file_refused:
            self._settings.activate(self._apply)
        return True

    def allow_origin(self, origin: str) -> None:
        """Lets web pages of this origin use the server."""
        allowed = self._settings.config.allowed_origins
        if origin not in allowed:
            self.change(allowed_origins=(*allowed, origin))

    def set_reach(self, *, is_open: bool) -> None:
        """Lets other devices connect, which need the key (created if there is none), or only this computer.

        For apps on this computer nothing changes.
        """

        def opened(key: str, *, is_new: bool) -> None:
            self.change(reach="lan")
            self._notifications.show(NetworkOpened(is_new=is_new, is_copied=self._copy(key)))

        if is_open:
            self._key_steps.add(lambda: self._with_key(SetReach(open=True), opened))
        else:
            self._key_steps.add(lambda: self.change(reach="local"))

    def require_key(self, *, required: bool) -> None:
        """Requires the key (created if there is none) and copies it, or does not require it."""

        def found(key: str, *, is_new: bool) -> None:
            self.change(require_key=True)
            self._notifications.show(KeyRequired(is_new=is_new, is_copied=self._copy(key)))

        def step() -> None:
            self._refuse_given_key()
            if required:
                self._with_key(RequireKey(required=True), found)
            else:
                self._stop_requiring()

        self._key_steps.add(step)

    def new_key(self) -> None:
        """Creates the key and requires it, or replaces it; and copies it."""

        def created(key: str, *, is_new: bool, is_first: bool) -> None:
            self.change(**({"require_key": True} if is_first else {}))
            is_required = self._settings.config.local_key is not None
            copied = self._copy(key)
            shown = KeyRequired(is_new=is_new, is_copied=copied) if is_required else KeyReplaced(is_copied=copied)
            self._notifications.show(shown)

        def step() -> None:
            self._refuse_given_key()
            is_first = self._access_key.place is KeyPlace.NONE
            self._with_key(NewKey(), partial(created, is_first=is_first))

        self._key_steps.add(step)

    def remove_key(self) -> None:
        """Deletes the key and requires none."""

        def removed(result: DrawbridgeError | None) -> None:
            if result is not None:
                raise result

        def step() -> None:
            self._refuse_given_key()
            if self._settings.config.reach == "lan":
                raise SettingPinned(
                    "Other devices can connect, and they need the key.",
                    hint="Choose 'This computer only' under 'Who can connect' first.",
                )
            self._stop_requiring()
            self._key_steps.run(self._access_key.remove, removed)

        self._key_steps.add(step)

    def allow_key_file(self) -> Command:
        """The user agrees to a key file. Returns the command that waited for this consent."""
        self._access_key.allow_file()
        command, self._needs_consent = self._needs_consent or NewKey(), None
        return command

    def _apply(self, config: Config) -> Config:
        lacks_key = self._access_key.lacks(config)
        config = self._access_key.complete(config)
        if lacks_key:
            # The server is down: the next start reads the key.
            return config
        try:
            self._supervisor.apply(config)
        except SettingsInvalid:
            # A setting that is fixed while the server runs.
            self._supervisor.restart(config, GRACE_S)
        return config

    def _activate(self) -> None:
        """Makes the file's values effective; remembers whether its port is taken."""
        self._refused_port, self._is_file_refused = None, True
        try:
            self._settings.activate(self._apply)
        except PortTaken:
            raise
        except BaseException:
            self._is_file_refused = False
            raise
        self._is_file_refused = False

    def _with_key(self, command: Command, on_key: "OnKey") -> None:
        """Calls `on_key` with the key, a new one for `NewKey`; not before the user has agreed to its place."""
        config, is_new = self._settings.config, isinstance(command, NewKey)

        def found(result: tuple[str, bool] | DrawbridgeError) -> None:
            if isinstance(result, KeyringMissing):
                self._needs_consent = command
                text = "Drawbridge can store the access key in a private file. Agree under 'Access key' in the menu."
                self._notifications.show(Notice("No keyring found", text, AllowKeyFile(), "Store it in a file"))
            elif isinstance(result, DrawbridgeError):
                raise result
            else:
                key, is_created = result
                self._access_key.remember(key)
                on_key(key, is_new=is_created)

        self._key_steps.run(
            lambda: (self._access_key.create(), True) if is_new else self._access_key.get_or_create(config), found
        )

    def _stop_requiring(self) -> None:
        if not self._settings.config.is_loopback:
            raise SettingPinned(
                "The key is always required while other devices can connect to the same address.",
                hint="Remove 'host' from the settings file first.",
            )
        self.change(require_key=False)

    def _refuse_given_key(self) -> None:
        if self._settings.config.source("api_key") != "default":
            place = self._settings.pinned_by("api_key") or "The settings file"
            raise SettingPinned(
                f"{place} sets the access key.", hint="Remove it there to let Drawbridge manage the key."
            )
