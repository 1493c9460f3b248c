"""The effects of starting, stopping, settings, the engine's status, sleep and quitting."""

import http.client
import socket
import threading
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from server.config import GRACE_S
from server.errors import DrawbridgeError
from server.status import AccountStatus, CliStatus, State, UsageWindow
from tests.ports import free_port
from tests.tray.control.scenes import MakeScene, has_ended, refuses
from tests.tray.doubles import WriteProtected
from tests.tray.scene import WAIT_S, Scene, ask, wait_for
from tray.commands import (
    ActOnProblem,
    ChangeSetting,
    Open,
    Quit,
    Restart,
    SetStartAtLogin,
    Start,
    Stop,
)
from tray.control.background import Completed
from tray.desktop.sleep_detection import Woke
from tray.model import Fix

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


def test_a_stop_request_at_the_server_stops_it_and_the_app_stays(scene: Scene) -> None:
    assert ask(scene.port, "/stop")[0] == 200
    scene.until(lambda shown: shown.status.state is State.STOPPED)
    assert not scene.screen.stopped.is_set()


def test_a_quit_request_at_the_server_quits_the_app(scene: Scene) -> None:
    assert ask(scene.port, "/quit")[0] == 200
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
