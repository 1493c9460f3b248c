"""The secret is created once, private, and replaced when it is damaged."""

import stat
from pathlib import Path

import pytest

from server.machine.files.secret_file import stable_secret


def test_a_secret_is_created_once_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "data" / "seal.key"
    secret = stable_secret(file)
    assert len(secret) == 32
    assert stable_secret(file) == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"short")
    assert len(stable_secret(file)) == 32
    assert stable_secret(file) == file.read_bytes()


def test_without_a_file_the_secret_is_of_this_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in the way").write_text("")
    first, second = (stable_secret(tmp_path / "in the way" / "seal.key") for _ in range(2))
    assert first != second
    assert "seal.key" in caplog.text
