"""The manual on the running server, and its links as files in the repository."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from server.config import Config
from server.web.routes.manual import CLIENT_PAGES, PAGES, link, slug
from tests.server.web.scene import FakeEngine, client, served

ROOT = Path(__file__).resolve().parents[4]
MANUAL = ROOT / "assets" / "manual"
TARGET = re.compile(r'(?:href|src)="([^"]+)"')


async def test_every_link_and_picture_of_every_page_is_served() -> None:
    async with client(served(FakeEngine())) as c:
        pages = {f"/manual/{name}" if name != "index" else "/manual": name for name in PAGES | CLIENT_PAGES}
        texts = {address: (await c.get(address)).text for address in pages}
        for address, text in texts.items():
            for target in TARGET.findall(text):
                path, _, fragment = target.partition("#")
                if path.startswith("https://"):
                    continue
                assert (await c.get(path or address)).status_code == 200, (address, target)
                if fragment:
                    assert f'id="{fragment}"' in texts.get(path or address, ""), (address, target)


async def test_pages_load_nothing_from_other_hosts_and_hold_no_inline_style_or_script() -> None:
    async with client(served(FakeEngine())) as c:
        for name in PAGES | CLIENT_PAGES:
            reply = await c.get("/manual" if name == "index" else f"/manual/{name}")
            assert "default-src 'self'" in reply.headers["content-security-policy"]
            assert not re.search(r"<style|<script|\son\w+=|style=|src=\"(?!/)", reply.text), name


@pytest.mark.parametrize("path", ["/manual/nothing", "/manual/pictures/nothing.png", "/manual/..%2f..%2fpyproject"])
async def test_an_unknown_page_is_a_404(path: str) -> None:
    async with client(served(FakeEngine())) as c:
        assert (await c.get(path)).status_code == 404


def test_every_file_of_the_manual_is_a_page() -> None:
    names = {path.relative_to(MANUAL).with_suffix("").as_posix() for path in MANUAL.rglob("*.md")}
    assert names == {*PAGES, *CLIENT_PAGES}


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(MANUAL.rglob("*.md"))], ids=lambda path: path.name)
def test_links_between_the_files_lead_to_files_and_headings(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text()):
        name, _, fragment = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.is_file(), target
        if fragment:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            assert fragment in {slug(heading) for heading in headings}, target


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(MANUAL.rglob("*.md"))], ids=lambda path: path.name)
def test_all_rows_of_a_table_have_as_many_cells_as_its_head(path: Path) -> None:
    """A row with one more shows its cells below the wrong titles."""
    cells = 0
    for line in path.read_text().splitlines():
        found = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not cells or found in {0, cells}, line
        cells = found


def test_the_readme_lists_every_page_of_the_manual() -> None:
    text = (ROOT / "README.md").read_text()
    assert {name for name in PAGES if name != "index" and f"](assets/manual/{name}.md)" not in text} == set()


def test_the_index_lists_every_page_of_the_manual() -> None:
    text = (MANUAL / "index.md").read_text()
    assert {name for name in PAGES if name != "index" and f"]({name}.md)" not in text} == set()


async def test_every_path_of_the_api_is_in_the_manual() -> None:
    async with client(served(FakeEngine())) as c:
        paths = (await c.get("/openapi.json")).json()["paths"]

    def without_names(text: str) -> str:
        return re.sub(r"\{\w+\}", "{}", text)

    text = without_names((MANUAL / "api.md").read_text())
    assert {path for path in paths if without_names(path) not in text} == set()


@pytest.mark.parametrize("package", ["server", "tray"])
def test_the_map_of_the_code_has_every_folder(package: str) -> None:
    text = (MANUAL / "development.md").read_text()
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert {name for name in folders if not re.search(rf"^  {name}/ ", text, re.MULTILINE)} == set()


def test_the_readme_fits_on_150_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_setting_is_in_the_manual() -> None:
    text = (MANUAL / "commands.md").read_text()
    settings = {field.name for field in fields(Config)} - {"sources"}
    assert {name for name in settings if f"| `{name.removesuffix('_s')}` |" not in text} == set()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("api.md", "/manual/api"),
        ("api.md#errors", "/manual/api#errors"),
        ("index.md", "/manual"),
        ("clients/open-webui.md", "/manual/clients/open-webui"),
        ("https://example.org/a.md", "https://example.org/a.md"),
        ("../other/file.md", "../other/file.md"),
        ("#here", "#here"),
    ],
)
def test_links_are_rewritten_for_the_server(target: str, expected: str) -> None:
    assert link(target) == expected
