"""Where things are kept, whatever the environment lacks."""

import stat
import sys
from pathlib import Path

import pytest

from server.config import Config
from server.errors import StartError
from server.machine.files.paths import Folders, find_folders


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's places")
def test_the_standard_folders_are_the_systems(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    folders = find_folders()
    assert folders == Folders(
        home / ".config/drawbridge", home / ".local/share/drawbridge", home / ".local/state/drawbridge/log"
    )
    assert folders.settings_file == home / ".config/drawbridge/settings.toml"
    assert not any(home.iterdir()), "looking makes nothing"


def test_settings_name_other_places_for_data_and_logs(home: Path) -> None:
    folders = find_folders(Config(data_dir=Path("here"), log_dir=home / "there"))
    assert folders.data == Path.cwd() / "here"
    assert folders.logs == home / "there"
    assert folders.config == find_folders().config


def test_made_folders_are_for_this_user_only(home: Path) -> None:
    folders = find_folders()
    folders.make()
    folders.make()
    assert stat.S_IMODE(folders.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(folders.logs.stat().st_mode) == 0o700


@pytest.mark.parametrize(("name", "flag"), [("data_dir", "--data-dir"), ("log_dir", "--log-dir")])
def test_a_folder_that_cannot_be_made_is_named_with_its_setting(home: Path, name: str, flag: str) -> None:
    (home / "file").write_text("")
    folders = find_folders(Config(**{name: home / "file" / "folder"}))  # type: ignore[arg-type] # one of two fields
    with pytest.raises(StartError) as caught:
        folders.make()
    assert str(home / "file" / "folder") in str(caught.value)
    assert flag in str(caught.value)
