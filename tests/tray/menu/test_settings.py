"""The menu's lines that change settings."""

from dataclasses import replace

import pytest

from server.status import ModelName
from tests.tray.menu.snapshots import STATES, commands, submenu
from tests.tray.menutext import menu_text
from tests.tray.states import RUNNING
from tray.commands import AllowKeyFile, ChangeSetting, CopyAddress, Open, RequireKey, SetPort
from tray.menu.item import Item
from tray.menu.menu import menu_for
from tray.model import KeyPlace, KeyState, ReachState


class TestChoices:
    def test_every_model_of_the_account_can_be_chosen_and_claude_codes_default(self) -> None:
        items = submenu(RUNNING, "Default model")
        assert [item.command for item in items.values()] == [
            ChangeSetting("model", model) for model in ("opus", "sonnet", "haiku", "default")
        ]
        assert [text for text, item in items.items() if item.checked] == ["Sonnet 5"]

    def test_two_models_with_one_name_show_their_ids(self) -> None:
        models = (ModelName("opus", "Opus"), ModelName("claude-opus-5", "Opus"))
        items = submenu(replace(RUNNING, status=replace(RUNNING.status, models=models), model="opus"), "Default model")
        assert list(items) == ["Opus", "Opus (claude-opus-5)", "Claude Code's default"]

    def test_a_model_that_is_not_in_the_list_is_shown_and_checked(self) -> None:
        items = submenu(replace(RUNNING, model="claude-3-opus"), "Default model")
        assert items["claude-3-opus"] == Item(
            "claude-3-opus", ChangeSetting("model", "claude-3-opus"), checked=True, radio=True
        )

    def test_a_pool_size_from_the_settings_file_is_listed_in_order(self) -> None:
        sizes = [
            item.command for item in submenu(replace(RUNNING, pool_size=5), "Answers at once").values() if item.command
        ]
        assert sizes == [ChangeSetting("pool_size", size) for size in (1, 2, 3, 4, 5, 6, 8)]

    def test_the_port_in_use_is_checked_if_it_differs_from_the_setting(self) -> None:
        moved = replace(RUNNING, status=replace(RUNNING.status, base_url="http://127.0.0.1:8083/v1"))
        items = submenu(moved, "Port")
        assert [text for text, item in items.items() if item.checked] == ["8083"]
        assert items["8082 (the default)"].command == SetPort(8082)
        assert items["11434 (Ollama's)"].command == SetPort(11434)
        assert items["Next free port"].command == SetPort(None)
        assert items["Other..."].command == Open("settings page")
        assert items["Open the settings file"].command == Open("settings")

    @pytest.mark.parametrize(
        ("address", "url"),
        [
            ("192.168.1.20:8082", "http://192.168.1.20:8082/v1"),
            ("192.168.1.20", "http://192.168.1.20:8082/v1"),
            ("[fd00::20]:8082", "http://[fd00::20]:8082/v1"),
            ("fd00::20", "http://[fd00::20]:8082/v1"),
            ("[fd00::20]", "http://[fd00::20]:8082/v1"),
        ],
    )
    def test_an_address_for_other_devices_is_copied_as_a_base_url(self, address: str, url: str) -> None:
        items = submenu(replace(RUNNING, reach=ReachState(is_open=True, addresses=(address,))), "Who can connect")
        assert items[f"Copy {url}"].command == CopyAddress(url)


class TestKey:
    def test_while_other_devices_can_connect_the_key_cannot_be_removed(self) -> None:
        snapshot = STATES["reachable_by_others"]
        assert RequireKey(required=False) in commands(snapshot)
        fixed = replace(snapshot, key=replace(snapshot.key, is_fixed=True))
        assert not any(isinstance(command, RequireKey) for command in commands(fixed))
        for each in (snapshot, fixed):
            assert "RemoveKey" not in {type(command).__name__ for command in commands(each)}

    @pytest.mark.parametrize("place", KeyPlace)
    def test_the_menu_shows_where_the_key_is_stored(self, place: KeyPlace) -> None:
        text = menu_text(menu_for(replace(RUNNING, key=KeyState(place=place))))
        lines = {
            KeyPlace.NONE: "No key yet",
            KeyPlace.KEYRING: "Stored in the system's keyring",
            KeyPlace.FILE: "Stored in a private file",
            KeyPlace.SETTINGS: "Set in the settings file",
        }
        assert [other for other in KeyPlace if lines[other] in text] == [place]

    def test_without_a_keyring_the_user_is_asked_for_consent(self) -> None:
        assert AllowKeyFile() in commands(STATES["no_keyring"])
        assert AllowKeyFile() not in commands(RUNNING)
