"""The effects of commands about the access key."""

import stat
import time

import pytest
from keyring.errors import KeyringLocked

from server.errors import DrawbridgeError
from server.status import State
from tests.ports import free_port
from tests.tray.control.scenes import MakeScene
from tests.tray.scene import Scene, ask, wait_for
from tray.commands import (
    ActOnProblem,
    AllowKeyFile,
    ChangeSetting,
    Command,
    CopyKey,
    NewKey,
    RemoveKey,
    RequireKey,
    SetReach,
    SetStartAtLogin,
    Start,
    Stop,
)
from tray.model import Fix, KeyPlace


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
