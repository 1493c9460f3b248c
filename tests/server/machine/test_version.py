import tomllib
from pathlib import Path

import pytest

from server.machine import assets
from server.machine.version import MANAGED_BY, managed_by, project_page, repository

ROOT = Path(__file__).resolve().parents[3]


def test_the_projects_address_is_only_in_the_project_file() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert (project_page(), repository()) == (urls["Homepage"], urls["Repository"])
    sources = [*(ROOT / "server").rglob("*.py"), *(ROOT / "tray").rglob("*.py")]
    assert [path for path in sources if urls["Repository"] in path.read_text("utf-8")] == []


def test_a_clone_has_no_package_system() -> None:
    assert managed_by() == ""


@pytest.mark.parametrize(("words", "managed"), [("apt\n", "apt"), ("", "a package system")])
def test_a_system_package_names_what_updates_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, managed: str
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / MANAGED_BY).write_text(words)
    monkeypatch.setattr(assets.asset, "__kwdefaults__", {"root": tmp_path, "frozen": None})
    assert managed_by() == managed
