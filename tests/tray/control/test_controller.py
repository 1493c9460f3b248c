"""The effects of each command: at the HTTP port, in the settings file, in the snapshot and in the notifications."""

import asyncio
import http.client
import json
import socket
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from keyring.errors import KeyringLocked

from server.config import GRACE_S
from server.errors import DrawbridgeError
from server.standin.demo import Demo, open_demo
from server.standin.script import Gate, Hold, say
from server.status import AccountStatus, CliStatus, State, UsageWindow
from tests.tray.scene import REPOSITORY, WAIT_S, Scene, WriteProtected, ask, wait_for
from tests.whole.checked import keep_verdict
from tray.commands import (
    ActOnProblem,
    AllowKeyFile,
    AllowOrigin,
    CancelSignIn,
    ChangeSetting,
    Command,
    Copy,
    CopyAddress,
    CopyKey,
    NewKey,
    Open,
    Quit,
    RemoveKey,
    RequireKey,
    Restart,
    SetPort,
    SetReach,
    SetStartAtLogin,
    SignIn,
    Start,
    Stop,
)
from tray.control.background import Completed
from tray.control.releases_feed import FeedUnreadable
from tray.desktop.clipboard import ClipboardMissing
from tray.desktop.sleep_detection import Woke
from tray.menu.menu import tooltip_for
from tray.model import Fix, KeyPlace

MakeScene = Callable[..., Scene]

several_loopbacks = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no second loopback address")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeScene]:
    """Makes scenes with a free port in their settings file, and quits them."""
    scenes: list[Scene] = []

    def made(text: str | None = None, **more: Any) -> Scene:
        scene = Scene(tmp_path / str(len(scenes)), **more)
        scene.write(f"port = {free_port()}\n" if text is None else text)
        scenes.append(scene)
        return scene

    yield made
    for scene in scenes:
        scene.end()


@pytest.fixture
def scene(make: MakeScene) -> Scene:
    return make().running()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def refuses(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return True
    return False


def has_ended(scene: Scene, count: int) -> bool:
    """Whether the server number `count` has ended and the controller knows."""
    return len(scene.runners) == count and scene.controller._supervisor.server is None


# Start, stop, restart.


def test_the_server_starts_and_its_address_is_printed(scene: Scene) -> None:
    assert scene.said == [f"Drawbridge listening on http://127.0.0.1:{scene.port}/v1"]
    assert scene.published == [f"http://127.0.0.1:{scene.port}/v1"]
    assert (scene.shown.version, scene.shown.problem) == ("1.2.3", None)
    assert ask(scene.port, "/status")[0] == 200


def test_stop_closes_the_port_and_start_opens_it_again(scene: Scene) -> None:
    port = scene.port
    scene.post(Stop())
    scene.until(lambda shown: shown.status.state is State.STOPPED)
    assert refuses(port)
    assert scene.published[-1] is None
    scene.post(Start())
    scene.until(lambda shown: shown.status.state is State.RUNNING)
    assert ask(port, "/status")[0] == 200
    assert len(scene.said) == 1


def test_restart_starts_another_server_on_the_same_port(scene: Scene) -> None:
    port = scene.port
    scene.post(Restart())
    wait_for(lambda: len(scene.runners) == 2)
    scene.until(lambda shown: shown.status.state is State.RUNNING)
    assert scene.port == port


def test_a_server_that_crashes_too_often_is_reported_once_with_the_log(make: MakeScene) -> None:
    scene = make()
    scene.make_error = RuntimeError("the loop broke")
    scene.start()
    for count in (1, 2, 3):
        wait_for(partial(has_ended, scene, count))
        scene.pass_time(5)
    shown = scene.until(lambda shown: shown.status.state is State.FAILED)
    assert shown.problem is not None
    assert shown.problem.fix is Fix.LOG
    told = scene.until_notified("crashed 4 times")
    assert told.action == ActOnProblem(told.title)
    scene.post(ActOnProblem(), ChangeSetting("pool_size", 2))
    scene.until(lambda shown: shown.pool_size == 2)
    assert scene.desktop.opened == [f"folder {scene.folders.logs}"]
    assert len([title for title in scene.desktop.titles if "crashed" in title]) == 1


# The settings.


def test_settings_apply_at_once_and_are_saved(scene: Scene) -> None:
    port = scene.port
    scene.post(ChangeSetting("pool_size", 6), ChangeSetting("model", "opus"), ChangeSetting("payer", "plan"))
    # The server reports each change, first with the old model.
    shown = scene.until(lambda shown: (shown.payer, shown.status.pool.size, shown.status.model) == ("plan", 6, "opus"))
    assert (shown.pool_size, shown.model) == (6, "opus")
    assert scene.saved == {"port": port, "pool_size": 6, "model": "opus", "payer": "plan"}
    assert (len(scene.runners), len(scene.backend.engines)) == (1, 1)
    assert scene.backend.engines[0].config.pool_size == 6


def test_a_pinned_setting_names_its_source_and_cannot_be_changed(make: MakeScene) -> None:
    scene = make("", flags={"port": free_port()}, environ={"DRAWBRIDGE_MODEL": "opus", "POOL_SIZE": "1"}).running()
    assert scene.shown.pinned == (("port", "--port"), ("model", "DRAWBRIDGE_MODEL"))
    assert scene.shown.pool_size == 3
    scene.post(ChangeSetting("model", "haiku"))
    assert "DRAWBRIDGE_MODEL sets it" in scene.until_notified("cannot be changed here").text
    assert scene.backend.engines[0].config.model == "opus"
    assert scene.saved == {}


def test_a_settings_file_edited_by_the_user_is_applied(scene: Scene) -> None:
    port = free_port()
    scene.write(f'# mine\nport = {port}\npool_size = 4\nmodel = "haiku"\n')
    scene.pass_time(6)
    shown = scene.until(lambda shown: shown.status.base_url == f"http://127.0.0.1:{port}/v1")
    assert (shown.pool_size, shown.status.pool.size, shown.model) == (4, 4, "haiku")
    assert len(scene.backend.engines) == 1
    scene.post(ChangeSetting("pool_size", 2))
    scene.until(lambda shown: shown.pool_size == 2)
    assert "# mine" in scene.settings.read_text()


def test_an_invalid_edit_changes_nothing_and_is_reported(scene: Scene) -> None:
    scene.write("pool_size = 1000\n")
    scene.pass_time(6)
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert shown.problem.fix is Fix.SETTINGS
    assert (shown.pool_size, shown.status.state) == (3, State.RUNNING)
    scene.write("pool_size = 2\n")
    scene.pass_time(6)
    scene.until(lambda shown: shown.problem is None and shown.pool_size == 2)


def test_with_an_invalid_setting_the_server_stays_down_until_it_is_corrected(make: MakeScene) -> None:
    scene = make("require_key = true\npool_size = 1000\n").start()
    scene.until(lambda shown: shown.problem is not None)
    assert not scene.runners
    scene.write(f"port = {free_port()}\n")
    scene.pass_time(6)
    scene.until(lambda shown: shown.problem is None and shown.status.state is State.RUNNING)


def test_a_corrupt_settings_file_is_renamed_and_reported(make: MakeScene) -> None:
    scene = make("port = [\n").start()
    assert "settings.toml.broken-1" in scene.until_notified("settings file could not be read").text


def test_a_file_that_the_user_is_editing_is_not_renamed(scene: Scene) -> None:
    whole = scene.settings.read_text()
    scene.write(whole + "pool_size = ")
    scene.pass_time(6)
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert shown.problem.fix is Fix.SETTINGS
    scene.write(whole + "pool_size = 4\n")
    scene.pass_time(6)
    scene.until(lambda shown: shown.problem is None and shown.pool_size == 4)
    assert [path.name for path in scene.folders.config.iterdir()] == ["settings.toml"]


def test_a_setting_that_cannot_be_saved_applies_and_is_reported(make: MakeScene) -> None:
    scene = make(make_file=WriteProtected).running()
    before = scene.settings.read_text()
    scene.post(ChangeSetting("pool_size", 6))
    scene.until_notified("The settings are not saved")
    scene.until(lambda shown: (shown.pool_size, shown.status.pool.size) == (6, 6))
    scene.post(ChangeSetting("model", "opus"))
    scene.until(lambda shown: (shown.pool_size, shown.model) == (6, "opus"))
    assert scene.settings.read_text() == before


# The port.


def test_another_port_applies_at_once_and_is_saved(scene: Scene) -> None:
    old, new = scene.port, free_port()
    scene.post(SetPort(new))
    scene.until(lambda shown: shown.status.base_url == f"http://127.0.0.1:{new}/v1")
    assert ask(new, "/status")[0] == 200
    wait_for(lambda: refuses(old))
    assert (scene.saved["port"], scene.published[-1]) == (new, f"http://127.0.0.1:{new}/v1")
    assert (len(scene.runners), len(scene.backend.engines)) == (1, 1)
    assert scene.noted[-1] == f"Drawbridge listening on http://127.0.0.1:{new}/v1"


def test_a_refused_page_is_a_problem_and_one_click_allows_it(scene: Scene) -> None:
    origin = "https://chat.example.org"
    # Not an attempt to use the API, and an origin that cannot be allowed.
    assert ask(scene.port, "/", origin="https://other.example")[0] == 403
    assert ask(scene.port, "/v1/models", origin="null")[0] == 403
    assert ask(scene.port, "/v1/models", origin=origin)[0] == 403
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert (shown.problem.fix, shown.problem.subject) == (Fix.ALLOW_ORIGIN, origin)
    # Only the menu's line allows it: on some desktops a click anywhere on a notification is a click on its button.
    told = scene.until_notified("refused")
    assert told.action is None
    scene.post(ActOnProblem(told.title))
    scene.post(AllowOrigin(origin))
    scene.until(lambda shown: shown.problem is None)
    assert scene.saved["allowed_origins"] == [origin]
    assert ask(scene.port, "/v1/models", origin=origin)[0] != 403


def test_a_taken_port_names_its_owner_and_one_click_takes_the_next_free_one(scene: Scene) -> None:
    old = scene.port
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        scene.post(SetPort(taken))
        shown = scene.until(lambda shown: shown.problem is not None)
        assert shown.problem is not None
        assert f"Port {taken} on 127.0.0.1 is taken by" in shown.problem.message
        assert "pid" in shown.problem.message
        assert shown.problem.fix is Fix.NEXT_PORT
        told = scene.until_notified("taken")
        assert (told.action, told.label) == (ActOnProblem(told.title), "Use the next free port")
        assert (shown.status.state, ask(old, "/status")[0]) == (State.RUNNING, 200)
        assert scene.saved["port"] == old
        scene.post(ActOnProblem())
        shown = scene.until(lambda shown: shown.problem is None)
        assert scene.port > taken
        assert scene.saved["port"] == scene.port


def test_a_saved_port_that_is_taken_at_the_start_is_a_problem_that_one_click_fixes(make: MakeScene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        scene = make(f"port = {taken}\n").start()
        shown = scene.until(lambda shown: shown.problem is not None)
        assert shown.problem is not None
        assert shown.status.state is State.FAILED
        assert (shown.problem.fix, "pid" in shown.problem.message) == (Fix.NEXT_PORT, True)
        scene.post(ActOnProblem())
        scene.until(lambda shown: shown.status.state is State.RUNNING)
        assert scene.port > taken
        assert scene.said == [f"Drawbridge listening on http://127.0.0.1:{scene.port}/v1"]


def test_a_taken_port_that_becomes_free_is_used_and_the_problem_ends(make: MakeScene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        scene = make(f"port = {taken}\n").start()
        shown = scene.until(lambda shown: shown.problem is not None)
        assert shown.problem is not None
        assert "tries again" in shown.problem.hint
        assert f"Failed. Port {taken}" in scene.described[-1]
    scene.pass_time(6)
    shown = scene.until(lambda shown: shown.status.state is State.RUNNING)
    assert (shown.problem, scene.port) == (None, taken)
    assert len(scene.desktop.titles) == 1


def test_a_refused_port_says_where_it_stays_and_the_problem_ends_when_it_is_free(scene: Scene) -> None:
    old = scene.port
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        scene.post(SetPort(taken))
        shown = scene.until(lambda shown: shown.problem is not None)
        assert shown.problem is not None
        assert f"stays on port {old}" in shown.problem.message
        scene.pass_time(6)
        scene.post(ChangeSetting("pool_size", 4))
        assert scene.until(lambda shown: shown.pool_size == 4).problem is not None
    scene.pass_time(6)
    scene.until(lambda shown: shown.problem is None)
    assert scene.port == old


def test_a_port_from_the_file_that_is_taken_is_used_once_it_is_free(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        scene.write(f"port = {taken}\n")
        scene.pass_time(6)
        scene.until(lambda shown: shown.problem is not None)
        assert ask(scene.port, "/status")[0] == 200
    scene.pass_time(6)
    scene.until(lambda shown: shown.problem is None)
    wait_for(lambda: scene.port == taken)


def test_a_taken_default_port_moves_to_the_next_and_is_reported(make: MakeScene) -> None:
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8082))
            other.listen()
        except OSError:
            pass  # another program has it, which is as good
        scene = make("").running()
        assert scene.port > 8082
        assert scene.shown.is_moved
        assert f"Running on port {scene.port} instead of 8082" in tooltip_for(scene.shown)
        assert f"on port {scene.port} today" in scene.until_notified("Drawbridge is on port").title
        assert scene.saved == {}


def test_a_pinned_port_that_is_taken_offers_no_other(make: MakeScene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        scene = make("", flags={"port": other.getsockname()[1]}).start()
        shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert (shown.problem.fix, "--port sets this port" in shown.problem.hint) == (Fix.NOTHING, True)


# Changes of the engine's status.


def update_engine(scene: Scene, **known: Any) -> None:
    """Changes the engine's status."""
    engine = scene.backend.engines[-1]
    engine.known = replace(engine.known, **known)
    assert scene.runner._loop is not None
    scene.runner._loop.call_soon_threadsafe(engine.on_change)


def test_signed_out_is_a_problem_with_a_fix_and_no_crash(scene: Scene) -> None:
    cli = CliStatus("/bin/claude", "2.1")
    update_engine(scene, cli=cli, account=AccountStatus(signed_in=False, payer="nobody"))
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert (shown.status.state, shown.problem.fix) == (State.RUNNING, Fix.SIGN_IN)
    scene.until_notified("not signed in")
    scene.post(ActOnProblem())
    scene.until_notified("Signed in")
    update_engine(scene, account=AccountStatus(signed_in=True, payer="plan"))
    scene.until(lambda shown: shown.problem is None)
    assert len(scene.runners) == 1


def test_a_limit_is_notified_once_for_each_window(scene: Scene) -> None:
    cli, account = CliStatus("/bin/claude", "2.1"), AccountStatus(signed_in=True, payer="plan")
    for resets_at in (4e9, 4e9, 5e9):
        update_engine(scene, cli=cli, account=account, usage=(UsageWindow("5 hours", 1.0, resets_at, is_reached=True),))
        scene.until(lambda shown: shown.status.usage)
        update_engine(scene, usage=())
        scene.until(lambda shown: not shown.status.usage)
    assert ["limit" in title for title in scene.desktop.titles] == [True, True]


def test_a_limit_ends_at_its_reset_time(scene: Scene) -> None:
    """The status would change only with the next answer, which the user does not request while the limit is shown."""
    cli, account = CliStatus("/bin/claude", "2.1"), AccountStatus(signed_in=True, payer="plan")
    soon, week = scene.wall() + 3600, UsageWindow("Week", 0.5)
    update_engine(scene, cli=cli, account=account, usage=(UsageWindow("5 hours", 1.0, soon, is_reached=True), week))
    scene.until(lambda shown: shown.problem is not None and "limit" in shown.problem.title)
    scene.pass_time(3601)
    shown = scene.until(lambda shown: shown.problem is None)
    assert shown.status.usage == (week,)


# The access key.


def test_a_new_key_is_stored_copied_and_required(scene: Scene) -> None:
    scene.post(NewKey())
    shown = scene.until(lambda shown: shown.key.is_required)
    key = scene.memory.key
    assert key is not None
    assert key.startswith("db-")
    assert (shown.key.place, scene.clipboard) == (KeyPlace.KEYRING, [key])
    assert ask(scene.port, "/status")[0] == 401
    assert ask(scene.port, "/status", authorization=f"Bearer {key}")[0] == 200
    assert scene.saved["require_key"] is True
    assert key not in scene.settings.read_text()
    assert "Paste it into your apps" in scene.until_notified("New access key copied").text
    scene.post(NewKey())
    wait_for(lambda: len(scene.clipboard) == 2)
    assert ask(scene.port, "/status", authorization=f"Bearer {key}")[0] == 401
    assert ask(scene.port, "/status", authorization=f"Bearer {scene.memory.key}")[0] == 200


def test_the_key_can_be_made_optional_required_again_copied_and_removed(scene: Scene) -> None:
    scene.post(RequireKey(required=True))
    scene.until(lambda shown: shown.key.is_required)
    key = scene.memory.key
    scene.post(RequireKey(required=False))
    scene.until(lambda shown: not shown.key.is_required)
    assert ask(scene.port, "/status")[0] == 200
    scene.post(CopyKey())
    wait_for(lambda: scene.clipboard == [key])
    scene.post(RequireKey(required=True))
    scene.until(lambda shown: shown.key.is_required)
    assert scene.memory.key == key
    scene.post(RemoveKey())
    scene.until(lambda shown: shown.key.place is KeyPlace.NONE and not shown.key.is_required)
    assert scene.memory.key is None
    assert ask(scene.port, "/status")[0] == 200


def test_an_optional_key_is_still_known_after_a_restart(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\nrequire_key = false\n")
    scene.memory.kept[("Drawbridge", "access key")] = "k"
    scene.running()
    shown = scene.until(lambda shown: shown.key.place is KeyPlace.KEYRING)
    assert not shown.key.is_required


def test_the_keyring_is_not_used_before_the_first_key(make: MakeScene) -> None:
    scene = make()
    scene.running()
    scene.post(SetStartAtLogin(on=True))
    scene.until(lambda shown: shown.starts_at_login)
    assert scene.memory.calls == 0


def test_without_a_keyring_a_file_stores_the_key_after_consent(scene: Scene) -> None:
    scene.memory.error = DrawbridgeError("no keyring here")
    scene.post(RequireKey(required=True))
    shown = scene.until(lambda shown: shown.key.asks_for_file)
    assert not shown.key.is_required
    assert scene.until_notified("No keyring found").action == AllowKeyFile()
    scene.post(AllowKeyFile())
    shown = scene.until(lambda shown: shown.key.is_required)
    assert (shown.key.place, shown.key.asks_for_file) == (KeyPlace.FILE, False)
    file = scene.folders.config / "access-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ask(scene.port, "/status", authorization=f"Bearer {file.read_text().strip()}")[0] == 200


def test_a_required_key_that_cannot_be_read_keeps_the_server_down(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\nrequire_key = true\n")
    scene.memory.error = DrawbridgeError("locked")
    scene.start()
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert (shown.problem.fix, shown.status.state) == (Fix.RESTART, State.STARTING)
    assert not scene.runners
    scene.memory.error = None
    scene.memory.kept[("Drawbridge", "access key")] = "k"
    scene.post(ActOnProblem())
    scene.until(lambda shown: shown.status.state is State.RUNNING)
    assert ask(scene.port, "/status")[0] == 401


def test_a_start_waits_while_the_keyring_asks_for_its_password(make: MakeScene) -> None:
    """The menu stays alive meanwhile, and there is one password window only."""
    scene = make(f"port = {free_port()}\nrequire_key = true\n", deadline_s=0.2)
    scene.memory.kept[("Drawbridge", "access key")] = "k"
    scene.memory.gate.clear()
    try:
        scene.start()
        shown = scene.until(lambda shown: shown.problem is not None)
        assert shown.problem is not None
        assert (shown.status.state, shown.problem.title) == (State.STARTING, "The keyring is waiting for its password")
        scene.post(ChangeSetting("pool_size", 4))
        scene.until(lambda shown: shown.pool_size == 4)
        time.sleep(1)
        assert (scene.memory.calls, scene.desktop.titles) == (1, [shown.problem.title])
    finally:
        scene.memory.gate.set()
    assert scene.until(lambda shown: shown.status.state is State.RUNNING).problem is None
    assert (ask(scene.port, "/status")[0], ask(scene.port, "/status", authorization="Bearer k")[0]) == (401, 200)


def test_a_closed_password_window_is_not_opened_again_but_an_unlocked_keyring_is_read(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\nrequire_key = true\n")
    scene.memory.kept[("Drawbridge", "access key")] = "k"
    scene.memory.error = KeyringLocked("the user has closed the window")
    scene.start()
    scene.until(lambda shown: shown.problem is not None)
    for _ in range(3):
        scene.pass_time(4)
        time.sleep(0.2)
    assert (scene.memory.calls, scene.shown.status.state) == (1, State.STARTING)
    scene.memory.error, scene.memory.is_unlocked = None, True
    scene.pass_time(4)
    assert scene.until(lambda shown: shown.status.state is State.RUNNING).problem is None


def test_a_stop_ends_the_wait_for_the_keyring(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\nrequire_key = true\n", deadline_s=0.2)
    scene.memory.gate.clear()
    try:
        scene.start()
        scene.until(lambda shown: shown.problem is not None)
        scene.post(Stop())
        scene.until(lambda shown: shown.status.state is State.STOPPED and shown.problem is None)
    finally:
        scene.memory.gate.set()
    scene.pass_time(10)
    time.sleep(0.3)
    assert scene.runners == []


def test_without_a_tray_it_outlives_a_locked_keyring(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\nrequire_key = true\n", deadline_s=0.2)
    scene.memory.kept[("Drawbridge", "access key")] = "k"
    scene.screen.has_host = False
    scene.memory.gate.clear()
    try:
        scene.start()
        scene.until(lambda shown: shown.problem is not None)
        for _ in range(3):
            scene.pass_time(6)
            time.sleep(0.1)
    finally:
        scene.memory.gate.set()
    scene.until(lambda shown: shown.status.state is State.RUNNING)


def test_a_key_that_an_edit_requires_is_read_without_blocking_the_menu(make: MakeScene) -> None:
    scene = make(deadline_s=600.0).running()
    scene.memory.kept[("Drawbridge", "access key")] = "k"
    scene.memory.gate.clear()
    try:
        scene.write(f"port = {scene.port}\nrequire_key = true\n")
        scene.pass_time(6)
        wait_for(lambda: scene.memory.calls)
        scene.post(SetStartAtLogin(on=True))
        scene.until(lambda shown: shown.starts_at_login)
    finally:
        scene.memory.gate.set()
    scene.until(lambda shown: shown.key.is_required)
    wait_for(lambda: ask(scene.port, "/status")[0] == 401)


def test_a_keyring_that_locks_later_blocks_no_other_change(scene: Scene) -> None:
    scene.post(NewKey())
    scene.until(lambda shown: shown.key.is_required)
    key, scene.memory.error = scene.memory.key, KeyringLocked("a screen saver did it")
    scene.post(ChangeSetting("pool_size", 3))
    scene.until(lambda shown: shown.pool_size == 3)
    wait_for(lambda: scene.saved.get("pool_size") == 3)
    scene.write(scene.settings.read_text().replace("pool_size = 3", "pool_size = 2"))
    scene.pass_time(6)
    assert scene.until(lambda shown: shown.pool_size == 2).problem is None
    assert ask(scene.port, "/status")[0] == 401
    assert ask(scene.port, "/status", authorization=f"Bearer {key}")[0] == 200
    scene.post(NewKey())
    scene.until_notified("keyring is locked")
    assert ask(scene.port, "/status", authorization=f"Bearer {key}")[0] == 200


@pytest.mark.parametrize("click", [NewKey(), RequireKey(required=True), SetReach(open=True)])
def test_while_a_keyring_asks_for_its_password_stop_acts_at_once(make: MakeScene, click: Command) -> None:
    scene = make(deadline_s=600.0).running()
    scene.memory.gate.clear()
    try:
        scene.post(click, RequireKey(required=True))
        wait_for(lambda: scene.memory.calls)
        scene.post(Stop())
        scene.until(lambda shown: shown.status.state is State.STOPPED)
        assert scene.memory.key is None
    finally:
        scene.memory.gate.set()
    scene.until(lambda shown: shown.key.is_required)
    wait_for(lambda: scene.saved.get("require_key"))
    scene.post(Start())
    scene.until(lambda shown: shown.status.state is State.RUNNING)
    assert ask(scene.port, "/status")[0] == 401
    assert ask(scene.port, "/status", authorization=f"Bearer {scene.memory.key}")[0] == 200


def test_commands_about_the_key_keep_their_order_with_a_slow_keyring(make: MakeScene) -> None:
    scene = make(deadline_s=600.0).running()
    scene.post(NewKey())
    scene.until(lambda shown: shown.key.is_required)
    wait_for(lambda: len(scene.clipboard) == 1)
    scene.memory.gate.clear()
    try:
        scene.post(NewKey(), RemoveKey(), ChangeSetting("pool_size", 2))
        assert scene.until(lambda shown: shown.pool_size == 2).key.is_required
    finally:
        scene.memory.gate.set()
    scene.until(lambda shown: not shown.key.is_required and shown.key.place is KeyPlace.NONE)
    assert (scene.memory.key, len(scene.clipboard), scene.saved["require_key"]) == (None, 2, False)
    assert ask(scene.port, "/status")[0] == 200


def test_a_key_from_a_variable_cannot_be_changed(make: MakeScene) -> None:
    scene = make(environ={"DRAWBRIDGE_API_KEY": "k"}).running()
    assert scene.shown.key.place is KeyPlace.SETTINGS
    assert dict(scene.shown.pinned)["api_key"] == "DRAWBRIDGE_API_KEY"
    for command in (NewKey(), RequireKey(required=False), RemoveKey()):
        scene.post(command)
    scene.until_notified("cannot be changed here")
    scene.post(CopyKey())
    wait_for(lambda: scene.clipboard == ["k"])
    assert ask(scene.port, "/status")[0] == 401


# Who can connect.


@several_loopbacks
@pytest.mark.parametrize("has_key", [False, True])
def test_letting_others_connect_requires_the_key_of_them_only_and_shows_the_addresses(
    scene: Scene, has_key: bool
) -> None:
    if has_key:
        scene.post(NewKey())
    scene.post(SetReach(open=True))
    shown = scene.until(lambda shown: shown.reach.addresses)
    assert shown.reach.is_open
    assert shown.reach.addresses == (f"127.0.0.2:{scene.port}",)
    assert (scene.saved["reach"], "require_key" in scene.saved) == ("lan", has_key)
    text = scene.until_notified("Other devices can connect").text
    assert ("An access key was created" in text, "on the clipboard" in text) == (not has_key, True)
    assert scene.clipboard[-1] == scene.memory.key
    local = 401 if has_key else 200
    assert (shown.key.is_required, ask(scene.port, "/status")[0]) == (has_key, local)
    assert ask(scene.port, "/status", host="127.0.0.2")[0] == 401
    assert ask(scene.port, "/status", host="127.0.0.2", authorization=f"Bearer {scene.memory.key}")[0] == 200
    scene.post(RequireKey(required=not has_key))
    scene.until(lambda shown: shown.key.is_required is not has_key)
    assert ask(scene.port, "/status", host="127.0.0.2")[0] == 401
    scene.post(RemoveKey())
    scene.until_notified("cannot be changed here")
    scene.post(RequireKey(required=has_key))
    scene.until(lambda shown: shown.key.is_required is has_key)
    scene.post(SetReach(open=False))
    scene.until(lambda shown: not shown.reach.addresses)
    wait_for(lambda: refuses(scene.port, "127.0.0.2"))
    assert (scene.shown.key.is_required, ask(scene.port, "/status")[0]) == (has_key, local)
    assert len(scene.backend.engines) == 1


def test_requiring_the_key_says_so_and_copies_it(scene: Scene) -> None:
    scene.post(RequireKey(required=True))
    scene.until_notified("New access key copied")
    assert scene.clipboard == [scene.memory.key]
    scene.post(RequireKey(required=False), RequireKey(required=True))
    assert "on the clipboard" in scene.until_notified("The access key is required now").text
    assert scene.clipboard == [scene.memory.key] * 2


def test_replacing_an_optional_key_leaves_it_optional(scene: Scene) -> None:
    scene.post(RequireKey(required=True), RequireKey(required=False))
    wait_for(lambda: scene.saved.get("require_key") is False)
    first = scene.memory.key
    scene.post(NewKey())
    wait_for(lambda: len(scene.clipboard) == 2)
    assert "apps that send it" in scene.desktop.notices[-1].text
    assert scene.memory.key != first
    assert (scene.shown.key.is_required, ask(scene.port, "/status")[0]) == (False, 200)


def test_a_click_on_an_old_notification_does_not_act_on_another_problem(make: MakeScene) -> None:
    scene = make("port = 0\n").start()
    scene.until(lambda shown: shown.problem is not None)
    scene.post(ActOnProblem("The port is taken"), ChangeSetting("pool_size", 4))
    scene.until(lambda shown: shown.pool_size == 4)
    assert scene.desktop.opened == []
    assert scene.shown.problem is not None
    scene.post(ActOnProblem(scene.shown.problem.title))
    wait_for(lambda: scene.desktop.opened)


@several_loopbacks
def test_letting_others_connect_without_a_keyring_continues_after_consent(scene: Scene) -> None:
    scene.memory.error = DrawbridgeError("no keyring here")
    scene.post(SetReach(open=True))
    scene.until(lambda shown: shown.key.asks_for_file)
    assert refuses(scene.port, "127.0.0.2")
    scene.post(AllowKeyFile())
    scene.until(lambda shown: shown.reach.addresses)
    assert ask(scene.port, "/status", host="127.0.0.2")[0] == 401


# Clipboard, desktop, sign-in.


def test_every_copy_and_every_failed_copy_is_notified(scene: Scene) -> None:
    scene.post(Copy("base url"), CopyAddress("http://10.0.0.1:1/v1"), Copy("curl"), Copy("diagnostics"))
    wait_for(lambda: len(scene.clipboard) == 4)
    url = f"http://127.0.0.1:{scene.port}/v1"
    assert scene.clipboard[:2] == [url, "http://10.0.0.1:1/v1"]
    assert url in scene.clipboard[2]
    assert scene.clipboard[3] == "all is well\n"
    scene.copy_error = ClipboardMissing("There is no display.")
    scene.post(Copy("base url"))
    assert scene.until_notified("could not be copied").text == "There is no display."
    assert scene.shown.problem is None


def test_a_copy_that_may_not_have_arrived_is_not_called_copied(scene: Scene) -> None:
    """As on Wayland without wl-copy. The key itself is shown nowhere."""
    scene.is_copy_certain = False
    scene.post(Copy("base url"))
    assert "The base URL may not be on the clipboard" in scene.until_notified("Perhaps not copied").text
    scene.post(Copy("diagnostics"))
    wait_for(lambda: any("The diagnostics may not" in notice.text for notice in scene.desktop.notices))
    scene.post(NewKey())
    assert "Copy it under 'Access key'" in scene.until_notified("New access key created").text
    scene.post(CopyKey())
    wait_for(lambda: any("The access key may not" in notice.text for notice in scene.desktop.notices))
    key = scene.clipboard[-1]
    assert not [notice for notice in scene.desktop.notices if key in notice.text + notice.title]
    assert not [title for title in scene.desktop.titles if "opied" in title and title != "Perhaps not copied"]


def test_folders_files_and_pages_are_opened(scene: Scene) -> None:
    scene.post(Open("log folder"), Open("settings"), Open("page"), Open("install page"), Open("project page"))
    wait_for(lambda: len(scene.desktop.opened) == 5)
    assert scene.desktop.opened[:4] == [
        f"folder {scene.folders.logs}",
        f"file {scene.settings}",
        f"page http://127.0.0.1:{scene.port}/#open=ticket",
        "page https://claude.com/claude-code",
    ]
    assert scene.desktop.opened[4] == f"page {REPOSITORY}"


def test_a_missing_settings_file_is_created_before_it_is_opened(make: MakeScene) -> None:
    scene = make("", flags={"port": free_port()})
    scene.settings.unlink()
    scene.running()
    scene.post(Open("settings"))
    wait_for(lambda: scene.desktop.opened == [f"file {scene.settings}"])


def test_start_at_login_shows_the_systems_state(make: MakeScene) -> None:
    scene = make()
    scene.autostart.on = True
    scene.running()
    scene.until(lambda shown: shown.starts_at_login is True)
    assert scene.autostart.repairs == 1
    scene.post(SetStartAtLogin(on=False))
    scene.until(lambda shown: shown.starts_at_login is False)
    assert scene.autostart.on is False


def test_a_sign_in_is_notified_and_needs_a_running_server(scene: Scene) -> None:
    scene.post(SignIn())
    assert "a@example.org" in scene.until_notified("Signed in").text
    scene.until(lambda shown: shown.signing_in is None)
    scene.post(Stop())
    scene.until(lambda shown: shown.status.state is State.STOPPED)
    scene.post(SignIn())
    scene.until_notified("stopping")


def test_a_sign_in_is_cancelled_or_repeated_while_it_waits_for_the_browser(scene: Scene) -> None:
    (engine,) = scene.backend.engines
    engine.browser = asyncio.Event()
    scene.post(SignIn("console"))
    scene.until(lambda shown: shown.signing_in == "console")
    scene.post(SignIn())
    scene.until(lambda shown: shown.signing_in == "claudeai")
    wait_for(lambda: engine.sign_ins == ["began console", "cancelled console", "began claudeai"])
    scene.post(CancelSignIn())
    scene.until(lambda shown: shown.signing_in is None)
    wait_for(lambda: engine.sign_ins[-1] == "cancelled claudeai")
    # Neither a cancelled sign-in nor a repeated one is an error.
    assert not scene.desktop.notices
    scene.post(SignIn())
    scene.until(lambda shown: shown.signing_in is not None)
    scene.post(Stop())
    scene.until_notified("stopping")
    scene.until(lambda shown: shown.signing_in is None)


# Sleep, tray, quit.


def test_after_a_sleep_a_responding_server_keeps_running(scene: Scene) -> None:
    scene.wall.ahead += 3600
    scene.post(Completed(lambda: None))
    wait_for(lambda: scene.probes == [scene.runner.listeners.control])
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "drawbridge-background"])
    scene.post(SetStartAtLogin(on=True))
    scene.until(lambda shown: shown.starts_at_login)
    assert (len(scene.runners), scene.shown.status.state) == (1, State.RUNNING)


def test_after_a_sleep_a_server_that_does_not_respond_is_restarted(scene: Scene) -> None:
    scene.answers = False
    scene.post(Woke())
    wait_for(lambda: len(scene.runners) == 2)
    scene.until(lambda shown: shown.status.state is State.RUNNING)


def test_after_a_sleep_a_stopped_server_stays_stopped(scene: Scene) -> None:
    scene.post(Stop())
    scene.until(lambda shown: shown.status.state is State.STOPPED)
    scene.post(Woke(), SetStartAtLogin(on=True))
    scene.until(lambda shown: shown.starts_at_login)
    assert (scene.probes, len(scene.runners)) == ([], 1)


def test_without_a_tray_it_notifies_once_opens_the_page_and_keeps_serving(make: MakeScene) -> None:
    scene = make()
    scene.screen.has_host = False
    scene.running()
    for _ in range(3):
        scene.pass_time(4)
    wait_for(lambda: scene.desktop.opened)
    scene.post(SetStartAtLogin(on=True))
    scene.until(lambda shown: shown.starts_at_login)
    assert scene.desktop.opened == [f"page http://127.0.0.1:{scene.port}/#open=ticket"]
    assert scene.desktop.titles == ["Drawbridge runs without an icon"]
    assert len([line for line in scene.noted if "without an icon" in line]) == 1


def test_without_a_tray_and_a_server_it_waits_for_what_passes(make: MakeScene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        scene = make("", flags={"port": other.getsockname()[1]})
        scene.screen.has_host = False
        scene.start()
        scene.until(lambda shown: shown.problem is not None)
        scene.pass_time(4)
        scene.pass_time(6)
        scene.until(lambda shown: shown.status.state is State.FAILED)
        assert any("is taken by" in line for line in scene.noted)
    scene.pass_time(6)
    scene.until(lambda shown: shown.status.state is State.RUNNING)
    assert scene.desktop.titles.count(scene.desktop.titles[0]) == 1


def test_without_a_tray_and_with_invalid_settings_it_ends_and_says_so(make: MakeScene) -> None:
    scene = make("port = 0\n")
    scene.screen.has_host = False
    scene.start()
    scene.until(lambda shown: shown.problem is not None)
    scene.pass_time(4)
    assert scene.controller.wait(WAIT_S)
    assert scene.controller.exit_code == 1
    assert "takes a number" in scene.until_notified("Drawbridge quits").text
    assert any("Drawbridge quits" in line for line in scene.noted)


def _is_asked(times: list[str], count: int) -> bool:
    return times.count("no-tray-shown") == count


def test_started_at_login_it_waits_for_the_panel_and_opens_no_window(make: MakeScene) -> None:
    scenes = [make(), make()]
    for scene in scenes:
        scene.is_background, scene.screen.has_host, scene.times = True, False, scenes[0].times
        scene.running()
        scene.pass_time(30)
        assert scene.desktop.titles == []
        scene.pass_time(31)
        wait_for(partial(_is_asked, scenes[0].times, scenes.index(scene) + 1))
        scene.post(SetStartAtLogin(on=True))
        scene.until(lambda shown: shown.starts_at_login)
        assert scene.desktop.opened == []
    assert [scene.desktop.titles for scene in scenes] == [["Drawbridge runs without an icon"], []]


def test_quit_stops_the_server_and_removes_the_icon(scene: Scene) -> None:
    port = scene.port
    scene.post(Quit())
    assert scene.controller.wait(WAIT_S)
    assert scene.screen.stopped.is_set()
    assert (scene.published[-1], scene.controller.exit_code) == (None, 0)
    assert refuses(port)


def test_a_stop_request_at_the_server_quits_the_app(scene: Scene) -> None:
    assert ask(scene.port, "/stop")[0] == 200
    assert scene.controller.wait(WAIT_S)
    assert scene.screen.stopped.is_set()


def test_quit_lets_a_running_answer_finish_and_a_second_quit_does_not(make: MakeScene) -> None:
    for quits in (1, 2):
        scene = make().running()
        with closing(http.client.HTTPConnection("127.0.0.1", scene.port, timeout=WAIT_S)) as connection:
            connection.request("GET", "/slow")
            response = connection.getresponse()
            assert response.read1(6) == b"begun "
            scene.post(*[Quit()] * quits)
            if quits == 1:
                scene.until(lambda shown: shown.is_quitting)
                scene.backend.go()
                assert response.read() == b"ended"
            assert scene.controller.wait(WAIT_S)
        assert scene.backend.ends[0] == ("whole" if quits == 1 else "cancelled")
        assert scene.graces == [GRACE_S, 0.0][:quits]


def test_an_unexpected_error_is_notified_and_ends_nothing(scene: Scene) -> None:
    scene.copy_error = DrawbridgeError("x")
    scene.desktop.open_page = lambda _: 1 / 0  # type: ignore[assignment,method-assign] # a bug
    scene.post(Open("page"))
    assert scene.until_notified("Something went wrong").action == Open("log folder")
    scene.post(ChangeSetting("pool_size", 6))
    scene.until(lambda shown: shown.pool_size == 6)


def test_only_changed_snapshots_are_shown(scene: Scene) -> None:
    scene.post(*[ChangeSetting("pool_size", 6)] * 5)
    scene.until(lambda shown: shown.status.pool.size == 6)
    scene.post(SetStartAtLogin(on=True))
    scene.until(lambda shown: shown.starts_at_login)
    assert all(one != two for one, two in zip(scene.screen.shown, scene.screen.shown[1:], strict=False))
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("drawbridge-")]) < 20


# The real server with the real Claude Code, as a demo.


@pytest.fixture
def real(make: MakeScene) -> Scene:
    scene = make(f"port = {free_port()}\ndemo = true\npool_size = 2\n", is_real=True)
    # No worker is parked before the self-check.
    asyncio.run(keep_verdict(scene.folders.data))
    scene.running()
    scene.until(lambda shown: shown.status.pool.raw and shown.status.engine.checked)
    return scene


Messages = list[dict[str, str]]


def chat(port: int, messages: Messages, **headers: str) -> tuple[str, str]:
    """Sends a request and appends the answer to `messages`; remessages it with the way of the request."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        heads = {"content-type": "application/json", **headers}
        connection.request(
            "POST", "/v1/chat/completions", json.dumps({"model": "x", "messages": messages}).encode(), heads
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
    content = answer["choices"][0]["message"]["content"]
    messages.append({"role": "assistant", "content": content})
    return content, response.headers["x-drawbridge-way"]


def test_a_conversation_continues_over_changes_of_port_size_and_model(real: Scene) -> None:
    workers = {child.pid for child in psutil.Process().children(recursive=True)}
    messages = [{"role": "user", "content": "one"}]
    chat(real.port, messages)
    real.until(lambda shown: shown.status.pool.parked == 1)
    new = free_port()
    real.post(SetPort(new), ChangeSetting("pool_size", 4))
    real.until(lambda shown: shown.status.pool.size == 4 and shown.port == new)
    messages.append({"role": "user", "content": "two"})
    assert chat(new, messages)[1] == "continued"
    real.post(ChangeSetting("model", "opus"))
    real.until(lambda shown: shown.status.model == "opus")
    assert "opus" in chat(new, [{"role": "user", "content": "three"}])[0]
    assert workers & {child.pid for child in psutil.Process().children(recursive=True)}
    assert len(real.runners) == 1


@several_loopbacks
def test_the_real_server_requires_the_key_at_every_address_of_others(real: Scene) -> None:
    port, messages = real.port, [{"role": "user", "content": "hello"}]
    real.post(SetReach(open=True))
    real.until(lambda shown: shown.reach.addresses)
    body = {"model": "x", "messages": messages}
    for host, status in (("127.0.0.1", 200), ("127.0.0.2", 401)):
        assert ask(port, "/v1/chat/completions", host=host, body=body)[0] == status
        given = {"authorization": f"Bearer {real.memory.key}"}
        assert ask(port, "/v1/chat/completions", host=host, body=body, **given)[0] == 200


def test_a_missing_claude_code_is_a_problem_with_a_fix_and_no_crash(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\ndemo = true\ncli_path = '/nowhere/claude'\n", is_real=True).running()
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert (shown.problem.title, shown.problem.fix) == ("Claude Code was not found", Fix.SETTINGS)
    assert (shown.status.state, len(scene.runners)) == (State.RUNNING, 1)


def test_a_restart_and_a_stop_leave_no_process_of_the_earlier_server(real: Scene) -> None:
    def workers() -> set[int]:
        return {child.pid for child in psutil.Process().children(recursive=True)}

    before = workers()
    assert before
    real.post(Restart())
    wait_for(lambda: len(real.runners) == 2)
    real.until(lambda shown: shown.status.state is State.RUNNING and shown.status.pool.raw)
    wait_for(lambda: not before & workers())
    real.post(Stop())
    real.until(lambda shown: shown.status.state is State.STOPPED)
    wait_for(lambda: not workers())


class HalfAnswered:
    """Demos whose answers pause in the middle until `go`."""

    def __init__(self) -> None:
        self._gate = Gate()

    @asynccontextmanager
    async def open_demo(self) -> AsyncIterator[Demo]:
        self._loop = asyncio.get_running_loop()
        async with open_demo() as demo:
            demo.standin.script(lambda _: say("a long", Hold(self._gate), " story"))
            yield demo

    def go(self) -> None:
        self._loop.call_soon_threadsafe(self._gate.open)


@pytest.fixture
def half_answered(monkeypatch: pytest.MonkeyPatch) -> HalfAnswered:
    """Must be requested before `real`."""
    half_answered = HalfAnswered()
    monkeypatch.setattr("server.runtime.engine.open_demo", half_answered.open_demo)
    return half_answered


def test_quit_counts_the_answers_in_progress_and_lets_a_real_one_finish(
    half_answered: HalfAnswered, real: Scene
) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", real.port, timeout=60)) as connection:
        body = {"model": "x", "stream": True, "messages": [{"role": "user", "content": "tell me a story"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        begun = response.read1(20)
        assert begun
        real.until(lambda shown: shown.status.pool.answering == 1)
        real.post(Quit())
        real.until(lambda shown: shown.is_quitting)
        half_answered.go()
        whole = response.read()
        assert b" story" in whole
        assert whole.rstrip().endswith(b"data: [DONE]")
    assert real.controller.wait(WAIT_S)
    assert "1 answer has up to 10 s" in real.until_notified("quitting").text


def test_an_app_with_a_stopped_server_can_be_told_to_end(scene: Scene) -> None:
    scene.post(Stop())
    scene.until(lambda shown: shown.status.state is State.STOPPED)
    scene.pass_time(10)
    assert not scene.controller.wait(0)
    scene.is_end_requested = True
    scene.pass_time(10)
    assert scene.controller.wait(WAIT_S)
    assert scene.screen.stopped.is_set()


# The update check.


def test_no_update_check_until_the_user_switches_it_on(scene: Scene) -> None:
    for _ in range(3):
        scene.pass_time(100_000)
    scene.post(ChangeSetting("pool_size", 2))
    assert scene.until(lambda shown: shown.pool_size == 2).new_version == ""
    assert scene.fetched == []
    scene.post(ChangeSetting("check_updates", True))
    scene.until(lambda shown: shown.checks_updates)
    scene.pass_time(10)
    scene.until(lambda shown: shown.new_version == "1.3.0")
    assert scene.saved["check_updates"] is True
    assert len(scene.fetched) == 1
    scene.post(Open("release page"))
    wait_for(lambda: scene.desktop.opened == [f"page {REPOSITORY}/releases/tag/v1.3.0"])
    scene.post(ChangeSetting("check_updates", False))
    scene.until(lambda shown: shown.new_version == "")
    assert len(scene.runners) == 1


def test_the_update_check_asks_once_a_day(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\ncheck_updates = true\n").running()
    scene.pass_time(10)
    scene.until(lambda shown: shown.new_version)
    for _ in range(3):
        scene.pass_time(10_000)
    scene.post(ChangeSetting("pool_size", 2))
    scene.until(lambda shown: shown.pool_size == 2)
    assert len(scene.fetched) == 1
    scene.pass_time(90_000)
    wait_for(lambda: len(scene.fetched) == 2)


def test_with_a_package_manager_there_is_no_update_check(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\ncheck_updates = true\n", managed_by="apt").running()
    scene.pass_time(10)
    scene.post(ChangeSetting("pool_size", 2))
    assert scene.until(lambda shown: shown.pool_size == 2).checks_updates is None
    assert scene.fetched == []


def test_without_a_project_page_nothing_is_asked_and_the_menu_says_so(
    make: MakeScene, caplog: pytest.LogCaptureFixture
) -> None:
    scene = make(f"port = {free_port()}\ncheck_updates = true\n", repository=None).running()
    scene.pass_time(10)
    scene.post(ChangeSetting("pool_size", 2))
    shown = scene.until(lambda shown: shown.pool_size == 2)
    assert (shown.checks_updates, shown.has_project_page) == (None, False)
    assert shown.no_update_check == "No update check: this build has no project page"
    assert scene.fetched == []
    assert [record.message for record in caplog.records if "check_updates has no effect" in record.message] == [
        "check_updates has no effect. No update check: this build has no project page"
    ]


def test_a_failed_update_check_is_not_shown(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\ncheck_updates = true\n")
    scene.feed_error = FeedUnreadable("there is no network")
    scene.running().pass_time(10)
    wait_for(lambda: scene.fetched)
    scene.post(ChangeSetting("pool_size", 2))
    shown = scene.until(lambda shown: shown.pool_size == 2)
    assert (shown.problem, shown.new_version, scene.desktop.notices) == (None, "", [])
