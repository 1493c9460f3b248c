"""Edits of the settings file are in force by the time they are reported."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from server.commands import settings_watcher as follow
from server.commands.options import settle
from server.commands.settings_watcher import SettingsWatcher
from server.config import Config
from server.errors import KeyringLocked
from server.machine.network.sockets import Listeners
from server.runtime.runner import Runner

HERE = Listeners(local=(), lan=(), addresses=(), host="127.0.0.1", port=8082, control=("127.0.0.1", 8082))


class Moving:
    """A runner whose listeners go where the settings say."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.listeners = HERE

    def apply(self, config: Config) -> None:
        self.config = config
        if config.port != self.listeners.port:
            self.listeners = replace(HERE, port=config.port, control=("127.0.0.1", config.port))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Everything that was told, in order: the remarks, and the new listeners' ports."""
    told: list[object] = []
    monkeypatch.setattr(follow, "note", told.append)
    return told


def test_a_new_address_is_published_before_it_is_announced(settings: Callable[[str], None], told: list[object]) -> None:
    settings("port = 8082\n")
    settled = settle({}, unprefixed=False)
    runner = Moving(settled.config)
    watcher = SettingsWatcher(settled, cast("Runner", runner), lambda listeners: told.append(listeners.port))
    settings("port = 19082\n")
    watcher.check()
    assert told == [19082, "The changed settings are in force."]


def test_listeners_that_stay_are_not_published_again(settings: Callable[[str], None], told: list[object]) -> None:
    settings("port = 8082\n")
    settled = settle({}, unprefixed=False)
    watcher = SettingsWatcher(
        settled, cast("Runner", Moving(settled.config)), lambda listeners: told.append(listeners.port)
    )
    settings("port = 8082\npool_size = 5\n")
    watcher.check()
    assert told == ["The changed settings are in force."]


def test_a_keyring_that_locks_later_refuses_no_other_change(
    settings: Callable[[str], None], told: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Locked:
        def __init__(self, _: object) -> None:
            pass

        def find(self) -> None:
            raise KeyringLocked

    monkeypatch.setattr(follow, "Keychain", Locked)
    settings("require_key = true\n")
    settled = settle({}, unprefixed=False)
    runner = Moving(replace(settled.config, api_key="k"))
    watcher = SettingsWatcher(settled, cast("Runner", runner), lambda _: None)
    settings("require_key = true\npool_size = 5\n")
    watcher.check()
    assert (runner.config.pool_size, runner.config.api_key) == (5, "k")
    settings("require_key = false\n")
    watcher.check()
    settings("require_key = true\npool_size = 6\n")
    watcher.check()
    assert "An access key is required, and it cannot be read." in str(told[-1])
    assert (runner.config.pool_size, runner.config.api_key) == (3, None)
