"""The menu, the tooltip and the picture of each state: golden files and properties."""

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import example, given

from server.status import PoolStatus, State, Status, TunnelState, TunnelStatus, UsageWindow
from tests.tray.menu.snapshots import PATIENT, STATES, all_items, commands, snapshots, submenu
from tests.tray.menutext import menu_text
from tests.tray.states import GOLDEN, RUNNING, state_text
from tray.commands import ChangeSetting, Command, Copy, Open, Quit, Restart, SetStartAtLogin, Start, Stop
from tray.menu.item import SEPARATOR, Item
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.menu.phrases import port_of, state_line
from tray.model import Fix, Picture, Problem, Snapshot


class TestGolden:
    @pytest.mark.parametrize("name", STATES)
    def test_each_state_matches_its_golden_menu(self, name: str) -> None:
        assert state_text(STATES[name]) == (GOLDEN / "menu" / f"{name}.txt").read_text(encoding="utf-8")

    def test_no_golden_menu_is_left_over(self) -> None:
        assert {path.stem for path in (GOLDEN / "menu").glob("*.txt")} == set(STATES)

    def test_the_menu_has_its_order(self) -> None:
        order = (
            *("Running on port", "Claude Code is not", "Sign in to Claude", "Start", "Stop", "Restart"),
            *("Open dashboard", "Copy base URL", "Connect an app", "Who pays"),
            *("Default model: ", "Answers at once: ", "Port: ", "Access key: ", "Who can connect: "),
            "Apps that only know Ollama: ",
            *("Plan usage", "Sign in with a Console", "Start at login", "Open log folder", "Copy diagnostics"),
            *("About", "Quit"),
        )
        signed_out = STATES["signed_out"]
        used = replace(signed_out.status, usage=(UsageWindow("5 hours", 0.5),))
        snapshot = replace(signed_out, status=used, has_exported_key=True)
        shown = [item.text for item in menu_for(snapshot)]
        places = [next(i for i, text in enumerate(shown) if text.startswith(start)) for start in order]
        assert places == sorted(places)


class TestLaws:
    """Properties of every menu."""

    @PATIENT
    @given(snapshots)
    def test_every_line_is_short_and_printable(self, snapshot: Snapshot) -> None:
        for item in all_items(menu_for(snapshot)):
            if item != SEPARATOR:
                assert item.text.strip() == item.text != ""
                assert len(item.text) < 60
                assert item.text.isprintable()

    @PATIENT
    @given(snapshots)
    def test_no_two_siblings_are_equal(self, snapshot: Snapshot) -> None:
        menu = menu_for(snapshot)
        for siblings in (menu, *(item.items for item in all_items(menu) if item.items)):
            texts = [item.text for item in siblings if item != SEPARATOR]
            assert len(texts) == len(set(texts))

    @PATIENT
    @given(snapshots)
    def test_every_enabled_line_has_a_command_or_a_submenu(self, snapshot: Snapshot) -> None:
        for item in all_items(menu_for(snapshot)):
            assert (item.command is not None) or item.items or not item.enabled, item
            assert item.command is None or not item.items, item

    @PATIENT
    @given(snapshots)
    @example(replace(STATES["running"], problem=Problem("", "", "", Fix.NOTHING)))
    def test_separators_stand_between_lines(self, snapshot: Snapshot) -> None:
        menu = menu_for(snapshot)
        for siblings in (menu, *(item.items for item in all_items(menu) if item.items)):
            assert SEPARATOR not in (siblings[0], siblings[-1])
            assert (SEPARATOR, SEPARATOR) not in pairwise(siblings)

    @PATIENT
    @given(snapshots)
    def test_at_most_one_radio_sibling_is_checked(self, snapshot: Snapshot) -> None:
        menu = menu_for(snapshot)
        for siblings in (menu, *(item.items for item in all_items(menu) if item.items)):
            assert sum(bool(item.checked) for item in siblings if item.radio) <= 1

    @PATIENT
    @given(snapshots)
    def test_every_address_shows_the_port_in_use(self, snapshot: Snapshot) -> None:
        port = str(port_of(snapshot))
        text = menu_text(menu_for(snapshot))
        assert f"Copy base URL (http://127.0.0.1:{port}/v1)" in text
        assert f"(o) {port}\n" in text or f"Port: {port}" in text
        if snapshot.status.state in {State.STARTING, State.RUNNING} and not snapshot.is_quitting:
            assert f"on port {port}" in state_line(snapshot)
            assert f"on port {port}" in tooltip_for(snapshot)

    @PATIENT
    @given(snapshots)
    def test_the_tooltip_begins_with_the_menus_first_line(self, snapshot: Snapshot) -> None:
        tooltip = tooltip_for(snapshot)
        assert tooltip.startswith(f"Drawbridge: {menu_for(snapshot)[0].text}")
        assert len(tooltip) < 128
        assert tooltip.isprintable()

    @PATIENT
    @given(snapshots)
    def test_quit_log_and_diagnostics_are_always_enabled(self, snapshot: Snapshot) -> None:
        assert {Quit(), Open("log folder"), Copy("diagnostics")} <= set(commands(snapshot))

    @PATIENT
    @given(snapshots)
    def test_a_pinned_setting_cannot_be_changed(self, snapshot: Snapshot) -> None:
        pinned = {setting for setting, source in snapshot.pinned if dict(snapshot.pinned)[setting]}
        kinds = {
            command.name if isinstance(command, ChangeSetting) else type(command).__name__
            for command in commands(snapshot)
        }
        forbidden = {
            "port": {"SetPort"},
            "pool_size": {"pool_size"},
            "model": {"model"},
            "api_key": {"RequireKey", "NewKey", "RemoveKey", "AllowKeyFile"},
            "host": {"SetReach"},
            "reach": {"SetReach"},
            "payer": {"payer"},
            "check_updates": {"check_updates"},
            "computer_use": {"computer_use"},
        }
        for setting in pinned & set(forbidden):
            assert not kinds & forbidden[setting]

    @PATIENT
    @given(snapshots)
    def test_the_same_snapshot_gives_the_same_menu(self, snapshot: Snapshot) -> None:
        assert menu_for(snapshot) == menu_for(replace(snapshot))


class TestStartAndStop:
    @pytest.mark.parametrize(
        ("state", "possible"),
        [
            (State.STOPPED, {Start()}),
            (State.FAILED, {Start()}),
            (State.STARTING, {Stop()}),
            (State.RUNNING, {Stop(), Restart()}),
            (State.STOPPING, set()),
        ],
    )
    def test_only_possible_commands_are_enabled(self, state: State, possible: set[Command]) -> None:
        snapshot = Snapshot(status=Status(state=state))
        assert set(commands(snapshot)) & {Start(), Stop(), Restart()} == possible
        assert not set(commands(replace(snapshot, is_quitting=True))) & {Start(), Stop(), Restart()}

    @pytest.mark.parametrize(
        ("answers", "text"), [(0, "Quit"), (1, "Quit (1 answer in progress)"), (2, "Quit (2 answers in progress)")]
    )
    def test_quit_counts_the_answers_in_progress(self, answers: int, text: str) -> None:
        snapshot = replace(RUNNING, status=replace(RUNNING.status, pool=PoolStatus(answering=answers)))
        assert menu_for(snapshot)[-1] == Item(text, Quit())


class TestPicture:
    @pytest.mark.parametrize(
        ("state", "answering", "problem", "picture"),
        [
            (State.STOPPED, 0, False, Picture.RAISED),
            (State.STOPPED, 0, True, Picture.CROSS),
            (State.STARTING, 0, False, Picture.HALF),
            (State.STARTING, 0, True, Picture.HALF),
            (State.RUNNING, 0, False, Picture.LOWERED),
            (State.RUNNING, 1, False, Picture.TRAFFIC),
            (State.RUNNING, 0, True, Picture.WARNING),
            (State.RUNNING, 1, True, Picture.WARNING),
            (State.STOPPING, 2, False, Picture.HALF),
            (State.FAILED, 0, False, Picture.CROSS),
            (State.FAILED, 0, True, Picture.CROSS),
        ],
    )
    def test_the_picture_shows_the_state(self, state: State, answering: int, problem: bool, picture: Picture) -> None:
        status = Status(state=state, pool=PoolStatus(answering=answering))
        assert picture_for(Snapshot(status=status, problem=Problem("Oh", "no") if problem else None)) is picture

    @pytest.mark.parametrize(
        ("tunnel", "idle", "answering"),
        [
            ("off", Picture.LOWERED, Picture.TRAFFIC),
            ("opening", Picture.LOWERED, Picture.TRAFFIC),
            ("open", Picture.PUBLIC, Picture.PUBLIC_TRAFFIC),
            # Its listener is still there, and it comes back.
            ("lost", Picture.PUBLIC, Picture.PUBLIC_TRAFFIC),
            ("failed", Picture.LOWERED, Picture.TRAFFIC),
        ],
    )
    def test_the_picture_shows_that_the_tunnel_is_open(
        self, tunnel: TunnelState, idle: Picture, answering: Picture
    ) -> None:
        running = Status(state=State.RUNNING, tunnel=TunnelStatus(tunnel))
        busy = replace(running, pool=PoolStatus(answering=1))
        assert (picture_for(Snapshot(status=running)), picture_for(Snapshot(status=busy))) == (idle, answering)
        assert picture_for(Snapshot(status=busy, problem=Problem("Oh", "no"))) is Picture.WARNING


class TestLines:
    def test_every_app_is_listed_and_cursor_is_explained(self) -> None:
        copied = [item.command.what for item in submenu(RUNNING, "Connect").values() if isinstance(item.command, Copy)]
        assert copied == [
            *("talon", "cline", "continue", "open-webui", "codex", "claude-code", "opencode", "jetbrains", "curl")
        ]
        assert any(text.startswith("Cursor") and not item.enabled for text, item in submenu(RUNNING, "Connect").items())

    @pytest.mark.parametrize("starts", [True, False])
    def test_start_at_login_shows_its_state_and_toggles_it(self, starts: bool) -> None:
        menu = menu_for(replace(RUNNING, starts_at_login=starts))
        assert Item("Start at login", SetStartAtLogin(not starts), checked=starts) in menu


class TestUpdates:
    def test_a_newer_version_is_a_line_that_opens_its_page(self) -> None:
        assert Item("Version 1.2 is available...", Open("release page")) in menu_for(STATES["new_version"])
        assert not [item for item in all_items(menu_for(RUNNING)) if item.command == Open("release page")]

    def test_the_update_check_is_switched_on_and_off(self) -> None:
        for is_on in (True, False):
            about = submenu(replace(RUNNING, checks_updates=is_on), "About")
            assert about["Check for updates once a day"].checked is is_on
            assert about["Check for updates once a day"].command == ChangeSetting("check_updates", not is_on)

    def test_with_a_package_manager_there_is_no_switch(self) -> None:
        snapshot = replace(RUNNING, checks_updates=None)
        assert not [
            item
            for item in all_items(menu_for(snapshot))
            if isinstance(item.command, ChangeSetting) and item.command.name == "check_updates"
        ]
        assert "Updates come from your system's package manager" in menu_text(menu_for(snapshot))

    def test_a_build_without_a_project_page_has_neither_page_nor_switch(self) -> None:
        why = "No update check: this build has no project page"
        menu = menu_for(replace(RUNNING, checks_updates=None, no_update_check=why, has_project_page=False))
        assert why in menu_text(menu)
        assert not [item for item in all_items(menu) if item.command == Open("project page")]


def test_every_command_can_be_reached_from_some_state() -> None:
    found = {type(command) for snapshot in STATES.values() for command in commands(snapshot)}
    assert found == set(get_args(Command))
