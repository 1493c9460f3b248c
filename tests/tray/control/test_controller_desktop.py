"""The effects of commands about the clipboard, the desktop, the sign-in and the update check."""

import asyncio

import pytest

from server.status import State
from tests.ports import free_port
from tests.server.asking import BASH
from tests.tray.control.scenes import MakeScene
from tests.tray.scene import REPOSITORY, Scene, wait_for
from tray.commands import (
    CancelSignIn,
    ChangeSetting,
    Copy,
    CopyAddress,
    CopyKey,
    NewKey,
    Open,
    SetStartAtLogin,
    SignIn,
    Stop,
)
from tray.control.updates.releases_feed import FeedUnreadable
from tray.desktop.clipboard import ClipboardMissing

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


def test_sections_of_the_dashboard_are_opened(scene: Scene) -> None:
    scene.post(Open("connect"), Open("settings page"))
    wait_for(lambda: len(scene.desktop.opened) == 2)
    page = f"page http://127.0.0.1:{scene.port}/#open=ticket&section="
    assert scene.desktop.opened == [f"{page}connect", f"{page}settings"]


def test_the_question_of_an_agent_is_told_and_opened(scene: Scene) -> None:
    engine = scene.backend.engines[-1]
    asyncio.run_coroutine_threadsafe(engine.approvals.ask(BASH), engine.loop)
    notice = scene.until_notified("An agent asks: Bash in site")
    assert BASH.detail not in notice.text
    assert notice.action is not None
    scene.post(notice.action)
    wait_for(lambda: len(scene.desktop.opened) == 1)
    page = f"page http://127.0.0.1:{scene.port}/#open=ticket&section="
    assert scene.desktop.opened == [f"{page}live%3Fquestion%3Dbash"]


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
    assert scene.autostart.refreshes == 1
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
    # It is shown before the server's loop begins it.
    wait_for(lambda: engine.sign_ins == ["began console"])
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
