"""Keys of apps in the menu: created and copied, revoked, and never lost where there is no clipboard."""

from server.errors import DrawbridgeError
from server.keys.key_book import KeyBook
from tests.tray.scene import Scene
from tray.commands import AppKey


def test_a_key_is_copied_once_and_can_be_revoked(scene: Scene) -> None:
    book = KeyBook(scene.folders.config)
    for name in ("Talon", "Talon 2"):
        scene.post(AppKey("create", "Talon"))
        notice = scene.until_notified(f"Key for {name} copied")
        assert notice.text == "It is shown only now. Paste it into Talon."
    assert [getattr(book.find(text), "name", None) for text in scene.clipboard] == ["Talon", "Talon 2"]
    scene.until(lambda shown: shown.app_keys == ("Talon", "Talon 2"))
    scene.post(AppKey("revoke", "Talon"))
    assert "can still connect without a key" in scene.until_notified("Key for Talon revoked").text
    scene.until(lambda shown: shown.app_keys == ("Talon 2",))
    assert book.find(scene.clipboard[0]) is None


def test_the_menu_follows_a_key_that_a_command_has_made(scene: Scene) -> None:
    KeyBook(scene.folders.config).add("Cursor")
    scene.pass_time(10)
    scene.until(lambda shown: shown.app_keys == ("Cursor",))


def test_without_a_clipboard_no_key_is_made(scene: Scene) -> None:
    scene.copy_error = DrawbridgeError("There is no clipboard.")
    scene.post(AppKey("create", "Talon"))
    scene.until_notified("Something went wrong")
    assert KeyBook(scene.folders.config).listed() == ()
