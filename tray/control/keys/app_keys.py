"""Creates and revokes the keys of apps for the menu."""

from collections.abc import Callable

from server.config import Config
from server.keys.key_book import KeyBook
from tray.commands import AppKey
from tray.control.notifications import Notifications
from tray.model import Notice


def change_app_key(
    command: AppKey, book: KeyBook, config: Config, copy: Callable[[str], bool], notifications: Notifications
) -> None:
    """Carries `command` out. A new key is copied, since it is shown only once. Raises `DrawbridgeError`.

    Without a clipboard no key is created.
    """
    if command.action == "revoke":
        name = book.revoke(command.name).name
        text = "Running answers end normally; new requests with it are refused."
        if config.local_key is None:
            text += f" {name} can still connect without a key from this computer, as any app can."
        notifications.show(Notice(f"Key for {name} revoked", text))
        return
    key, secret = book.add(book.free_name(command.name))
    try:
        is_certain = copy(secret)
    except BaseException:  # the key would be lost, also at an interrupt
        book.revoke(key.name)
        raise
    text = f"It is shown only now. Paste it into {command.name}."
    if not is_certain:
        text = "It may not be on the clipboard. If it is not there, revoke it and create one on the dashboard."
    notifications.show(Notice(f"Key for {key.name} copied", text))
