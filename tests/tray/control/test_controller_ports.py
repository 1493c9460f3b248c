"""The effects of commands about the port and about who can connect."""

import socket
from contextlib import closing

import pytest

from server.errors import DrawbridgeError
from server.status import State
from tests.ports import free_port
from tests.tray.control.scenes import MakeScene, refuses, several_loopbacks
from tests.tray.scene import Scene, ask, wait_for
from tray.commands import (
    ActOnProblem,
    AllowKeyFile,
    AllowOrigin,
    ChangeSetting,
    NewKey,
    RemoveKey,
    RequireKey,
    SetPort,
    SetReach,
)
from tray.menu.menu import tooltip_for
from tray.model import Fix, Problem, Snapshot

# The port.


def problem_of(scene: Scene) -> tuple[Snapshot, Problem]:
    """Waits for a problem; returns what is shown, and the problem."""
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    return shown, shown.problem


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
        shown, problem = problem_of(scene)
        assert f"Port {taken} on 127.0.0.1 is taken by" in problem.message
        assert "pid" in problem.message
        assert problem.fix is Fix.NEXT_PORT
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
        shown, problem = problem_of(scene)
        assert shown.status.state is State.FAILED
        assert (problem.fix, "pid" in problem.message) == (Fix.NEXT_PORT, True)
        scene.post(ActOnProblem())
        scene.until(lambda shown: shown.status.state is State.RUNNING)
        assert scene.port > taken
        assert scene.said == [f"Drawbridge listening on http://127.0.0.1:{scene.port}/v1"]


def test_a_taken_port_that_becomes_free_is_used_and_the_problem_ends(make: MakeScene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        scene = make(f"port = {taken}\n").start()
        _, problem = problem_of(scene)
        assert "tries again" in problem.hint
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
        _, problem = problem_of(scene)
        assert f"stays on port {old}" in problem.message
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
