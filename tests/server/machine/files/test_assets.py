from pathlib import Path

import pytest

from server.machine.files.assets import asset


def put(folder: Path, name: str, words: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words)


def test_the_clone_has_its_assets() -> None:
    assert "<html" in asset("web/page.html").read_text("utf-8")


def test_a_wheel_keeps_them_beside_the_tray_and_not_in_another_packages_folder(tmp_path: Path) -> None:
    put(tmp_path / "assets", "web/page.html", "another package's")
    put(tmp_path / "tray" / "assets", "web/page.html", "ours")
    assert asset("web/page.html", root=tmp_path, frozen=None).read_text() == "ours"


def test_the_frozen_app_searches_only_its_own_folder(tmp_path: Path) -> None:
    put(tmp_path / "unpacked" / "assets", "icon.png", "frozen")
    put(tmp_path / "assets", "icon.png", "clone")
    put(tmp_path / "assets", "other.png", "clone")
    assert asset("icon.png", root=tmp_path, frozen=str(tmp_path / "unpacked")).read_text() == "frozen"
    with pytest.raises(FileNotFoundError, match=r"other\.png"):
        asset("other.png", root=tmp_path, frozen=str(tmp_path / "unpacked"))


def test_a_missing_asset_is_named_with_the_folders_that_were_searched(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"'web/none\.css' is missing") as caught:
        asset("web/none.css", root=tmp_path, frozen=None)
    assert str(tmp_path / "tray" / "assets") in str(caught.value)


@pytest.mark.parametrize("name", ["../pyproject.toml", "/etc/passwd", "web/../../LICENSE", "..\\x", "C:/x"])
def test_a_name_that_leads_out_of_the_assets_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of an asset"):
        asset(name)
