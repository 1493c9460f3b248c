"""The settings file as people write it, and as they break it."""

from pathlib import Path

import pytest

from server.config import resolve
from server.errors import SettingsInvalid
from server.machine.settings import read_settings


def test_no_file_means_no_settings(tmp_path: Path) -> None:
    found = read_settings(tmp_path / "settings.toml")
    assert dict(found.values) == {}
    assert found.notices == ()


@pytest.mark.parametrize("text", ["port = 9000\nmodel = 'opus'\n", "\ufeffport = 9000\r\nmodel = 'opus'\r\n"])
def test_settings_are_plain_values_that_a_config_is_made_of(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text.encode())
    config = resolve(flags={}, environment={}, file=read_settings(path).values)
    assert (config.port, config.model, config.source("port")) == (9000, "opus", "settings file")


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"port = 9000\nmodel = = 3\n", 2, "Invalid value"),
        (b"port = 9000\n\nport = 1\n", 3, "Cannot overwrite a value"),
        (b'port = 9000\nmodel = "opus', 2, ""),
        (b"port = 9000\nmodel = '\xff\xfe'\n", 2, "UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_the_line_and_what_to_do(
    tmp_path: Path, content: bytes, line: int, reason: str
) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsInvalid) as caught:
        read_settings(path)
    assert f"Line {line} of the settings file {str(path)!r}" in str(caught.value)
    assert reason in str(caught.value)
    assert "Correct that line" in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        read_settings(tmp_path)


def test_an_unknown_setting_is_kept_and_named_with_its_likely_meaning(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("pool_sise = 5\n[of_tomorrow]\nx = 1\n")
    found = read_settings(path)
    assert found.values["pool_sise"] == 5
    assert len(found.notices) == 2
    assert "Did you mean 'pool_size'?" in found.notices[0]
    assert "'of_tomorrow', which is ignored." in found.notices[1]
