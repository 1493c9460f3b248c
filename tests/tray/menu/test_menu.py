"""The menu, the tooltip and the picture of each state: golden files and properties."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.status import AccountStatus, CliStatus, ModelName, PoolStatus, SignInAccount, State, Status, UsageWindow
from tests.tray.menutext import menu_text
from tests.tray.states import GOLDEN, NOW, RUNNING, state_text, states
from tray.commands import (
    ActOnProblem,
    AllowKeyFile,
    AllowOrigin,
    CancelSignIn,
    ChangeSetting,
    Command,
    Copy,
    CopyAddress,
    Open,
    Quit,
    RequireKey,
    Restart,
    SetPort,
    SetStartAtLogin,
    SignIn,
    Start,
    Stop,
)
from tray.menu.item import SEPARATOR, Item
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.menu.phrases import port_of, state_line
from tray.model import Fix, KeyPlace, KeyState, Picture, Problem, ReachState, Snapshot

STATES = dict(states())
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def all_items(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from all_items(item.items)


def submenu(snapshot: Snapshot, text: str) -> dict[str, Item]:
    return {item.text: item for item in next(i for i in menu_for(snapshot) if i.text.startswith(text)).items}


def texts(snapshot: Snapshot) -> list[str]:
    """The top lines."""
    return [item.text for item in menu_for(snapshot)]


def commands(snapshot: Snapshot) -> list[Command]:
    """The commands of all enabled lines."""
    return [item.command for item in all_items(menu_for(snapshot)) if item.enabled and item.command is not None]


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
            *("Plan usage", "Sign in with a Console", "Start at login", "Open log folder", "Copy diagnostics"),
            *("About", "Quit"),
        )
        signed_out = STATES["signed_out"]
        used = replace(signed_out.status, usage=(UsageWindow("5 hours", 0.5),))
        snapshot = replace(signed_out, status=used, has_exported_key=True)
        shown = [item.text for item in menu_for(snapshot)]
        places = [next(i for i, text in enumerate(shown) if text.startswith(start)) for start in order]
        assert places == sorted(places)


# Any snapshot, with strings as strange as other programs may make them.
_texts = st.text(max_size=90)
_times = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(1.7e9, 1.9e9))
_accounts = st.builds(
    AccountStatus,
    signed_in=st.sampled_from([None, True, False]),
    payer=st.sampled_from(["plan", "api key", "bedrock", "vertex", "foundry", "demo", "nobody", "unknown"]) | _texts,
    method=st.none() | _texts,
    email=st.none() | _texts,
    subscription=st.none() | _texts,
)
_pools = st.builds(PoolStatus, size=st.integers(0, 64), answering=st.integers(0, 64), waiting=st.integers(0, 100))
_statuses = st.builds(
    Status,
    state=st.sampled_from(State),
    base_url=st.none() | st.integers(1, 65535).map(lambda port: f"http://127.0.0.1:{port}/v1"),
    demo=st.booleans(),
    cli=st.builds(CliStatus, path=st.none() | _texts, version=st.none() | _texts),
    account=_accounts,
    pool=_pools,
    models=st.lists(st.builds(ModelName, _texts, _texts), max_size=5).map(tuple),
    usage=st.lists(
        st.builds(UsageWindow, _texts, st.floats(), _times, st.booleans()),
        max_size=3,
    ).map(tuple),
)
_settings = ("port", "pool_size", "model", "api_key", "host", "reach", "payer", "check_updates")
snapshots = st.builds(
    Snapshot,
    status=_statuses,
    version=_texts,
    port=st.integers(1, 65535),
    pool_size=st.integers(1, 64),
    model=_texts,
    key=st.builds(KeyState, st.booleans(), st.sampled_from(KeyPlace), st.booleans()),
    reach=st.builds(ReachState, st.booleans(), st.lists(_texts, max_size=3).map(tuple)),
    problem=st.none() | st.builds(Problem, _texts, _texts, _texts, st.sampled_from(Fix)),
    pinned=st.lists(st.tuples(st.sampled_from(_settings), _texts), max_size=5).map(tuple),
    starts_at_login=st.sampled_from([None, True, False]),
    signing_in=st.sampled_from([None, "claudeai", "console"]),
    payer=st.sampled_from(["automatic", "plan", "api key"]),
    has_exported_key=st.booleans(),
    is_quitting=st.booleans(),
    checks_updates=st.sampled_from([None, True, False]),
    new_version=_texts,
    now=st.sampled_from([None, NOW]),
)


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


class TestProblem:
    """A problem replaces the account's line, and what helps stands below it."""

    @pytest.mark.parametrize("fix", [fix for fix in Fix if fix not in {Fix.NOTHING, Fix.ALLOW_ORIGIN, Fix.SIGN_IN}])
    def test_the_line_below_a_problem_acts_on_it(self, fix: Fix) -> None:
        menu = menu_for(replace(RUNNING, problem=Problem("Something is wrong", "It is.", fix=fix)))
        assert menu[1] == Item("Something is wrong", enabled=False)
        assert menu[2].command == ActOnProblem("Something is wrong")

    def test_signing_in_is_the_first_thing_to_click_where_it_is_needed(self) -> None:
        menu = menu_for(STATES["signed_out"])
        assert next(item for item in menu if item.enabled) == Item("Sign in to Claude...", SignIn())
        assert [item.text for item in menu if "igned in" in item.text] == ["Claude Code is not signed in"]

    def test_a_refused_page_is_allowed_only_by_the_line_that_says_so(self) -> None:
        menu = menu_for(
            replace(RUNNING, problem=Problem("A page was refused", "It was.", "", Fix.ALLOW_ORIGIN, "x://y"))
        )
        assert menu[1] == Item("A page was refused", enabled=False)
        assert menu[2] == Item("Allow that page", AllowOrigin("x://y"))

    def test_a_problem_without_a_fix_leaves_the_account_in_sight(self) -> None:
        menu = menu_for(replace(RUNNING, problem=Problem("A limit is reached", "Wait.", fix=Fix.NOTHING)))
        assert menu[1] == Item("A limit is reached", enabled=False)
        assert menu[2] == menu_for(RUNNING)[1]

    def test_a_stopped_server_without_a_sign_in_is_not_called_free_of_problems(self) -> None:
        status = replace(STATES["stopped"].status, account=AccountStatus(signed_in=False, payer="nobody"))
        assert menu_for(replace(STATES["stopped"], status=status))[2].text == "Start the server to sign in"

    @PATIENT
    @given(snapshots)
    def test_a_problem_moves_no_other_line(self, snapshot: Snapshot) -> None:
        def fixed(menu: tuple[Item, ...]) -> list[Item]:
            return list(menu[3 : menu.index(SEPARATOR, 12)])

        calm, worried = replace(snapshot, problem=None), replace(snapshot, problem=Problem("Oh", "no"))
        assert fixed(menu_for(calm)) == fixed(menu_for(worried)) == fixed(menu_for(replace(calm, signing_in="console")))


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
        assert items["Other... (in the settings file)"].command == Open("settings")

    def test_every_app_is_listed_and_cursor_is_explained(self) -> None:
        copied = [item.command.what for item in submenu(RUNNING, "Connect").values() if isinstance(item.command, Copy)]
        assert copied == ["talon", "cline", "continue", "open webui", "curl"]
        assert any(text.startswith("Cursor") and not item.enabled for text, item in submenu(RUNNING, "Connect").items())

    @pytest.mark.parametrize("starts", [True, False])
    def test_start_at_login_shows_its_state_and_toggles_it(self, starts: bool) -> None:
        menu = menu_for(replace(RUNNING, starts_at_login=starts))
        assert Item("Start at login", SetStartAtLogin(not starts), checked=starts) in menu

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


class TestBilling:
    def test_an_exported_key_is_named_and_offers_the_choice(self) -> None:
        snapshot = STATES["api_key_pays"]
        assert {"Billed per token to ANTHROPIC_API_KEY", "Who pays: the API key"} <= set(texts(snapshot))
        choices = {item.command: item.checked for item in submenu(snapshot, "Who pays").values() if item.command}
        assert choices == {
            ChangeSetting("payer", "plan"): False,
            ChangeSetting("payer", "api key"): False,
            ChangeSetting("payer", "automatic"): True,
        }

    def test_the_billed_variable_is_named(self) -> None:
        snapshot = STATES["api_key_pays"]
        account = replace(snapshot.status.account, detail="the API key in ANTHROPIC_AUTH_TOKEN pays")
        other = replace(snapshot, status=replace(snapshot.status, account=account))
        assert "Billed per token to ANTHROPIC_AUTH_TOKEN" in texts(other)
        plan = replace(other, status=RUNNING.status)
        assert "Who pays: the Claude plan" in texts(plan)

    def test_without_an_exported_key_there_is_no_choice(self) -> None:
        assert not [text for text in texts(RUNNING) if text.startswith("Who pays")]

    def test_a_long_address_never_hides_the_billing(self) -> None:
        account = AccountStatus(True, "plan", email=f"{'a' * 80}@example.org", subscription="max")
        text = menu_for(replace(RUNNING, status=replace(RUNNING.status, account=account)))[1].text
        assert text.endswith("..., on the Claude Max plan")

    def test_sign_in_is_offered_only_while_signed_out(self) -> None:
        assert {SignIn(), SignIn("console")} <= set(commands(STATES["signed_out"]))
        assert not {SignIn(), SignIn("console")} & set(commands(RUNNING))

    @pytest.mark.parametrize("account", ["claudeai", "console"])
    def test_a_sign_in_that_waits_can_be_cancelled_and_repeated(self, account: SignInAccount) -> None:
        snapshot = replace(STATES["signing_in"], signing_in=account)
        signing_in = submenu(snapshot, "Signing in")
        assert signing_in["Open the sign-in page again"].command == SignIn(account)
        assert signing_in["Cancel signing in"].command == CancelSignIn()
        assert [command for command in commands(snapshot) if isinstance(command, SignIn)] == [SignIn(account)]


def test_every_command_can_be_reached_from_some_state() -> None:
    found = {type(command) for snapshot in STATES.values() for command in commands(snapshot)}
    assert found == set(get_args(Command))
