import tomllib
from pathlib import Path

import pytest

from server.machine import assets
from server.machine.version import MANAGED_BY, managed_by, project_page, repository

ROOT = Path(__file__).resolve().parents[3]


def test_the_projects_address_stands_in_the_projects_file_alone() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert (project_page(), repository()) == (urls["Homepage"], urls["Repository"])
    sources = [*(ROOT / "server").rglob("*.py"), *(ROOT / "tray").rglob("*.py")]
    assert [path for path in sources if urls["Repository"] in path.read_text("utf-8")] == []


def test_a_clone_is_managed_by_nobody() -> None:
    assert managed_by() == ""


@pytest.mark.parametrize(("words", "managed"), [("apt\n", "apt"), ("", "a package system")])
def test_a_package_of_a_system_says_who_brings_its_new_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, managed: str
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / MANAGED_BY).write_text(words)
    monkeypatch.setattr(assets.asset, "__kwdefaults__", {"root": tmp_path, "frozen": None})
    assert managed_by() == managed
