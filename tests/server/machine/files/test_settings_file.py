"""The settings file as people write it, and as they break it."""

import os
import re
import stat
import tempfile
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import OPTIONS, Config, resolve
from server.errors import DrawbridgeError, SettingsCorrupt, SettingsInvalid
from server.machine.files.settings_file import COMMON, SettingsFile, read_or_set_aside, read_settings, write_settings


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


def test_a_folder_in_place_of_the_settings_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        read_settings(tmp_path)


def test_an_unknown_setting_is_kept_and_named_with_its_likely_meaning(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("pool_sise = 5\n[of_tomorrow]\nx = 1\n")
    found = read_settings(path)
    assert found.values["pool_sise"] == 5
    assert len(found.notices) == 2
    assert "Did you mean 'pool_size'?" in found.notices[0]
    assert "'of_tomorrow'; it is ignored." in found.notices[1]


WRITTEN_BY_HAND = """\
# mine
port = 9000   # not 8082

model = 'opus'
of_tomorrow = [1, 2]

[section]  # of another version
x = { y = 1 }
"""


def test_a_change_keeps_comments_order_and_unknown_settings(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(WRITTEN_BY_HAND)
    assert write_settings(path, {"port": 9001}) == ()
    assert path.read_text() == WRITTEN_BY_HAND.replace("9000", "9001")


def test_a_new_setting_is_inserted_before_the_sections(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(WRITTEN_BY_HAND)
    write_settings(path, {"pool_size": 4, "allowed_hosts": ("a", "b"), "log_dir": Path("/logs"), "require_key": True})
    found = read_settings(path).values
    assert (found["pool_size"], found["allowed_hosts"], found["log_dir"]) == (4, ["a", "b"], "/logs")
    assert found["require_key"] is True
    assert found["section"] == {"x": {"y": 1}}
    assert path.read_text().startswith("# mine\nport = 9000   # not 8082\n")


def test_none_takes_a_setting_out_and_one_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(WRITTEN_BY_HAND)
    write_settings(path, {"model": None, "demo": None})
    assert path.read_text() == WRITTEN_BY_HAND.replace("model = 'opus'\n", "")


def test_the_first_change_creates_a_private_file_with_a_header(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    write_settings(path, {"port": 9001})
    assert path.read_text().startswith("# Drawbridge's settings.")
    assert dict(read_settings(path).values) == {"port": 9001}
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
def test_a_change_keeps_the_files_rights_and_a_link_stays_one(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "drawbridge.toml"
    kept.parent.mkdir()
    kept.write_text("port = 1\n")
    kept.chmod(0o640)
    path = tmp_path / "settings.toml"
    path.symlink_to(kept)
    write_settings(path, {"port": 2})
    assert path.is_symlink()
    assert kept.read_text() == "port = 2\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640


def test_windows_line_ends_stay(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xef\xbb\xbf# mine\r\nport = 1\r\n")
    write_settings(path, {"port": 2, "model": "opus"})
    assert path.read_bytes() == b'# mine\r\nport = 2\r\nmodel = "opus"\r\n'


def test_a_failed_write_keeps_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("port = 1\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DrawbridgeError, match="No space left") as caught:
        write_settings(path, {"port": 2})
    assert caught.value.title == "The settings could not be saved"
    assert path.read_text() == "port = 1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_corrupt_file_is_renamed_by_number_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    for number in (1, 2):
        path.write_text(f"port = = {number}\n")
        saved = read_or_set_aside(path)
        assert dict(saved.values) == {}
        assert saved.aside == tmp_path / f"settings.toml.broken-{number}"
        assert saved.aside.read_text() == f"port = = {number}\n"
        assert f"renamed to 'settings.toml.broken-{number}'" in saved.notices[0]
    assert not path.exists()


def test_a_change_to_a_corrupt_file_sets_it_aside_too(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"port = \xff\n")
    (notice,) = write_settings(path, {"port": 2})
    assert "Line 1" in notice
    assert dict(read_settings(path).values) == {"port": 2}
    assert (tmp_path / "settings.toml.broken-1").read_bytes() == b"port = \xff\n"


@pytest.mark.parametrize("key", ["require_key = true", "api_key = 'sesame' # mine"])
def test_a_typo_in_the_file_does_not_drop_the_required_key(tmp_path: Path, key: str) -> None:
    """Otherwise the corrupt file's defaults would answer without the key, from the next start on for ever."""
    path = tmp_path / "settings.toml"
    path.write_text(f"port = = 1\n{key}\npool_size = 5\n")
    saved = read_or_set_aside(path)
    assert list(saved.values) == [key.split(maxsplit=1)[0]]
    assert "except that the access key is still required" in saved.notices[0]
    assert "sesame" not in saved.notices[0]
    assert dict(read_settings(path).values) == dict(saved.values)


def test_a_corrupt_file_that_cannot_be_moved_is_an_error_that_names_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("port = = 1\n")

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(SettingsInvalid, match="Line 1"):
        read_or_set_aside(path)


def test_only_another_hands_change_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    file = SettingsFile(path)
    assert not file.changed()
    file.write({"port": 1})
    assert not file.changed()
    path.write_text("port = 22\n")
    assert file.changed()
    assert file.read().values["port"] == 22
    assert not file.changed()
    path.unlink()
    assert file.changed()
    assert dict(file.read().values) == {}
    assert not file.changed()


def test_a_change_by_hand_just_before_ours_is_kept_and_still_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("port = 1\n")
    file = SettingsFile(path)
    file.read()
    path.write_text("port = 1\nmodel = 'opus'\n")
    file.write({"port": 2})
    assert file.changed()
    assert dict(file.read().values) == {"port": 2, "model": "opus"}
    assert not file.changed()


def test_a_file_that_an_editor_has_half_written_can_be_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("port = = 1\n")
    file = SettingsFile(path)
    with pytest.raises(SettingsCorrupt):
        file.read(set_aside=False)
    assert not file.changed()
    assert path.exists()
    assert file.read().aside is not None
    assert not file.changed()


@given(
    st.dictionaries(
        st.sampled_from(["port", "model", "new", "demo"]), st.none() | st.integers() | st.text(), max_size=4
    ),
    st.sampled_from(
        [WRITTEN_BY_HAND, "", "port = 1", "[a]\nb = 1\n[[c]]\nd = 'x'\n", "a.b = 1\nport=2\r\n", "\n\n# only\n"]
    ),
)
def test_whatever_is_written_reads_back_and_the_rest_is_untouched(changes: dict[str, object], text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings.toml"
        path.write_bytes(text.encode())
        before = dict(read_settings(path).values)
        write_settings(path, changes)
        wanted = {name: value for name, value in (before | changes).items() if value is not None}
        assert dict(read_settings(path).values) == wanted


# Settings that a new file leaves out: those that the manual calls advanced, those for developers, and the access key,
# which belongs into the keyring.
LEFT_OUT = {
    *("host", "allowed_hosts", "allowed_origins", "body_limit_mb", "api_key", "data_dir", "icon"),
    *("queue_timeout", "max_waiting", "retries", "idle_shrink", "heartbeat", "log_level"),
    *("strict_models", "fallback_model", "housekeeping_model", "forward_sampling", "reasoning"),
    *("isolation", "memory", "warm_spares", "prefer_cli"),
    *("embeddings_url", "embeddings_model", "embeddings_key"),
    *("agent_progress", "agent_turns", "agent_minutes", "agent_cost_usd", "computer_minutes"),
    *("head_timeout", "without_breaker", "reload"),
}


def test_every_setting_is_in_a_new_file_or_left_out_on_purpose() -> None:
    shown = {name for name, _, _ in COMMON}
    assert {option.key for option in OPTIONS} == shown | LEFT_OUT
    assert shown & LEFT_OUT == set()


def test_the_manual_calls_the_same_settings_common() -> None:
    manual = (Path(__file__).parents[4] / "assets" / "manual" / "commands.md").read_text()
    table = manual.partition("### Common")[2].partition("### Advanced")[0]
    assert set(re.findall(r"(?m)^\| `([a-z_]+)` \|", table)) == {name for name, _, _ in COMMON} | {"api_key"}


def test_a_new_file_shows_the_common_settings_with_their_defaults(tmp_path: Path) -> None:
    """Each line is valid without its '#', and means what holds without it."""
    path = tmp_path / "settings.toml"
    write_settings(path, {})
    text = path.read_text()
    lines = [line.removeprefix("# ") for line in text.splitlines() if re.match(r"# [a-z_]+ = ", line)]
    assert [line.partition(" ")[0] for line in lines] == [name for name, _, _ in COMMON]
    values = tomllib.loads("\n".join(lines))
    resolved, defaults = resolve(flags={}, environment={}, file=values), Config()
    changed = {"aliases", "cli_path", "log_dir", "projects_root", "proxy", "sources", "tunnel_host"}
    assert {f.name for f in fields(Config) if getattr(resolved, f.name) != getattr(defaults, f.name)} == changed
    assert tomllib.loads(text) == {}
    write_settings(path, {"port": 9000})
    assert tomllib.loads(path.read_text()) == {"port": 9000}
    assert "# model = " in path.read_text()
