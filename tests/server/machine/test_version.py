import tomllib
from pathlib import Path

import pytest

from server.machine.files import assets
from server.machine.version import MANAGED_BY, managed_by, project_page, repository

ROOT = Path(__file__).resolve().parents[3]


def test_without_an_address_of_its_own_the_project_names_none() -> None:
    """An address that somebody else could register would decide what "Version X is available" opens."""
    assert "urls" not in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (project_page(), repository()) == (None, None)


def test_a_fork_names_its_addresses_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "drawbridge_tray-9.dist-info"
    about.mkdir()
    urls = "Project-URL: Homepage, https://some.example/\nProject-URL: Repository, https://github.com/some/bridge\n"
    (about / "METADATA").write_text(f"Metadata-Version: 2.3\nName: drawbridge-tray\nVersion: 9\n{urls}")
    monkeypatch.syspath_prepend(tmp_path)
    assert (project_page(), repository()) == ("https://some.example/", "https://github.com/some/bridge")


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
