"""Settings that the page changes in the app, in a thread of the server's."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from keyring.errors import NoKeyringError

from server.errors import KeyringMissing, PortTaken, SettingPinned
from tests.ports import free_port
from tests.tray.control.scenes import MakeScene
from tests.tray.scene import Scene, ask, wait_for
from tray.control.settings.page_settings import PageSettings


@pytest.fixture
def page(scene: Scene) -> PageSettings:
    return PageSettings(scene.controller._settings, scene.post)


def test_a_change_is_applied_shown_and_saved(scene: Scene, page: PageSettings) -> None:
    port = free_port()
    assert page.change({"port": port, "pool_size": 5, "timeout_s": 33.0}) == ()
    scene.until(lambda shown: shown.pool_size == 5 and shown.status.base_url == f"http://127.0.0.1:{port}/v1")
    assert scene.port == port
    assert (scene.saved["port"], scene.saved["timeout"]) == (port, 33.0)
    page.change({"timeout_s": None})
    assert "timeout" not in scene.saved
    assert page.wanted.timeout_s == 120.0


def test_a_refused_change_comes_back_and_is_not_saved(scene: Scene, page: PageSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken):
        page.change({"port": taken.getsockname()[1], "pool_size": 7})
    assert page.wanted.pool_size == 3
    assert "pool_size" not in scene.saved


def test_what_a_flag_sets_is_pinned(make: MakeScene) -> None:
    scene = make(flags={"pool_size": "4"}).running()
    page = PageSettings(scene.controller._settings, scene.post)
    assert page.pinned_by("pool_size") == "--pool-size"
    with pytest.raises(SettingPinned):
        page.change({"pool_size": 5})


def test_folders_are_for_the_next_start(scene: Scene, page: PageSettings, tmp_path: Path) -> None:
    page.change({"log_dir": str(tmp_path / "logs")})
    assert page.wanted.log_dir == tmp_path / "logs"
    assert scene.controller._settings.config.log_dir != tmp_path / "logs"


def test_the_key_is_created_when_it_is_required_first(scene: Scene, page: PageSettings) -> None:
    with ThreadPoolExecutor() as pool:
        pool.submit(page.change, {"require_key": True}).result(30)
    assert scene.memory.key is not None
    assert ask(scene.port, "/status")[0] == 401
    assert ask(scene.port, "/status", authorization=f"Bearer {scene.memory.key}")[0] == 200
    wait_for(lambda: scene.clipboard == [scene.memory.key])
    assert scene.saved["require_key"] is True


def test_without_a_keyring_the_page_is_told(scene: Scene, page: PageSettings) -> None:
    scene.memory.error = NoKeyringError("There is none.")
    with pytest.raises(KeyringMissing):
        page.change({"require_key": True})
    assert ask(scene.port, "/status")[0] == 200
