import json
from pathlib import Path

import pytest

from server.machine.cursor_editions import PRIVATE, Edition, find_editions

PLACES = {
    "darwin": "Cursor.app/Contents/Resources/app/product.json",
    "win32": "cursor/resources/app/product.json",
    "linux": "cursor/resources/app/product.json",
}


def install(root: Path, place: str, product: object) -> None:
    file = root / place
    file.parent.mkdir(parents=True)
    file.write_text(product if isinstance(product, str) else json.dumps(product))


@pytest.mark.parametrize("platform", PLACES)
def test_the_edition_is_told_by_its_name_not_by_its_folder(tmp_path: Path, platform: str) -> None:
    install(tmp_path, PLACES[platform], {"nameShort": "Cursor", "nameLong": PRIVATE, "version": "3.21.4"})
    (edition,) = find_editions([tmp_path], platform=platform)
    assert edition == Edition(PRIVATE, "3.21.4")
    assert edition.is_private


@pytest.mark.parametrize("platform", PLACES)
def test_both_editions_are_found_side_by_side(tmp_path: Path, platform: str) -> None:
    other = PLACES[platform].replace("Cursor.app", "Cursor Private Inference.app").replace("cursor/", "cursor-local/")
    install(tmp_path, PLACES[platform], {"nameShort": "Cursor", "nameLong": "Cursor", "version": "3.14.7"})
    install(tmp_path, other, {"nameShort": PRIVATE, "nameLong": PRIVATE})
    found = find_editions([tmp_path, tmp_path / "missing"], platform=platform)
    assert set(found) == {Edition("Cursor", "3.14.7"), Edition(PRIVATE)}


@pytest.mark.parametrize(
    "product",
    [
        "",
        "{",
        "[]",
        "\ufeff",
        "[" * 100_000,
        json.dumps({"nameLong": "Cursor Agent Board"}),
        json.dumps({"nameLong": 1}),
    ],
)
def test_another_programs_or_a_broken_file_is_no_edition(tmp_path: Path, product: str) -> None:
    install(tmp_path, PLACES["linux"], product)
    assert find_editions([tmp_path], platform="linux") == ()


def test_a_folder_in_the_place_of_the_file_is_no_edition(tmp_path: Path) -> None:
    (tmp_path / PLACES["linux"]).mkdir(parents=True)
    assert find_editions([tmp_path], platform="linux") == ()


def test_the_usual_folders_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    install(tmp_path, f".local/share/{PLACES['linux']}", {"nameLong": PRIVATE, "version": "1.2.3"})
    install(tmp_path, f"Applications/{PLACES['darwin']}", {"nameLong": PRIVATE, "version": "1.2.3"})
    assert Edition(PRIVATE, "1.2.3") in find_editions(platform="linux")
    assert Edition(PRIVATE, "1.2.3") in find_editions(platform="darwin")
