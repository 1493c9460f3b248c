"""Edits of the settings file are in force by the time they are reported."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from server.commands import settings_watcher as follow
from server.commands.options import settle
from server.commands.settings_watcher import ServedSettings, SettingsWatcher
from server.config import Config
from server.errors import KeyringLocked, PortTaken
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


class TestThePage:
    """Changes that the page makes, in another thread."""

    def test_a_change_is_applied_written_and_not_applied_again(
        self, settings: Callable[[str], None], told: list[object]
    ) -> None:
        settings("# My own words.\nport = 8082\n")
        settled = settle({}, unprefixed=False)
        runner = Moving(settled.config)
        live = ServedSettings()
        live.watcher = SettingsWatcher(settled, cast("Runner", runner), lambda listeners: told.append(listeners.port))
        assert live.change({"port": 19083, "timeout_s": 33.0}) == ()
        assert (runner.config.port, runner.config.timeout_s) == (19083, 33.0)
        assert told == [19083, "The changed settings are in force."]
        assert "# My own words.\nport = 19083\ntimeout = 33.0\n" in settled.folders.settings_file.read_text()
        live.watcher.check()
        assert len(told) == 2
        live.change({"timeout_s": None})
        assert (runner.config.timeout_s, live.wanted.port) == (120.0, 19083)

    def test_a_refused_change_is_not_written(self, settings: Callable[[str], None], told: list[object]) -> None:
        class Refusing(Moving):
            def apply(self, config: Config) -> None:
                raise PortTaken("taken")

        settings("port = 8082\n")
        settled = settle({}, unprefixed=False)
        live = ServedSettings()
        live.watcher = SettingsWatcher(settled, cast("Runner", Refusing(settled.config)), told.append)
        with pytest.raises(PortTaken):
            live.change({"port": 19083})
        assert settled.folders.settings_file.read_text() == "port = 8082\n"
        assert told == []

    def test_what_only_the_next_start_applies_is_written(
        self, settings: Callable[[str], None], told: list[object]
    ) -> None:
        settings("")
        settled = settle({}, unprefixed=False)
        runner = Moving(settled.config)
        live = ServedSettings()
        live.watcher = SettingsWatcher(settled, cast("Runner", runner), told.append)
        live.change({"demo": True})
        assert told == ["The setting 'demo' takes effect at the next start."]
        assert (runner.config.demo, live.wanted.demo) == (False, True)

    def test_flags_and_variables_pin_a_setting(
        self, settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings("")
        monkeypatch.setenv("CLAUDE_TIMEOUT", "50")
        settled = settle({"port": "9001"}, unprefixed=True)
        live = ServedSettings()
        live.watcher = SettingsWatcher(settled, cast("Runner", Moving(settled.config)), lambda _: None)
        assert [live.pinned_by(name) for name in ("port", "timeout_s", "model")] == ["--port", "CLAUDE_TIMEOUT", ""]
