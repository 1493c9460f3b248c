"""Adding and removing projects: what happens to folders that Drawbridge made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.errors import FolderRefused, InvalidRequest
from server.projects import store as module
from server.projects.changes import add_project, change_project, remove_project
from server.projects.folders import FolderRules
from server.projects.store import NameTaken, ProjectStore


@contextmanager
def opened(folder: Path) -> Iterator[tuple[ProjectStore, Path]]:
    root = folder.resolve() / "home" / "root"
    root.mkdir(parents=True)
    rules = FolderRules(root.parent, (), (), root)
    store = ProjectStore(folder / "projects.sqlite3", rules=lambda: rules)
    try:
        yield store, root
    finally:
        store.close()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_project_that_cannot_be_stored_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as (store, root):
        monkeypatch.setattr(module, "MOST_PROJECTS", 0)
        with pytest.raises(InvalidRequest, match="There are 0"):
            await add_project(store, {"name": "shop"}, in_root=True)
        (root / "mine").mkdir()
        with pytest.raises(InvalidRequest, match="There are 0"):
            await add_project(store, {"name": "mine"}, in_root=True)
        assert names_in(root) == ["mine"]


async def test_a_name_that_is_taken_meanwhile_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as (store, root):
        await add_project(store, {"name": "shop", "folder": "one"}, in_root=True)

        async def is_free(_: object) -> None:
            pass

        monkeypatch.setattr(store, "check_name", is_free)
        with pytest.raises(NameTaken):
            await add_project(store, {"name": "shop", "folder": "two"}, in_root=True)
        assert names_in(root) == ["one"]


@pytest.mark.parametrize("inner", ["outer", "outer/deep"])
async def test_a_folder_with_another_project_is_not_deleted(tmp_path: Path, inner: str) -> None:
    with opened(tmp_path) as (store, root):
        await add_project(store, {"name": "outer"}, in_root=True)
        await add_project(store, {"name": "inner", "folder": inner}, in_root=True)
        await add_project(store, {"name": "outer2"}, in_root=True)
        (root / inner / "file").write_text("x")
        with pytest.raises(FolderRefused, match="the project 'inner' is in it"):
            await remove_project(store, "outer", with_folder=True)
        assert [project.name for project in await store.listed()] == ["outer", "inner", "outer2"]
        assert (root / inner / "file").read_text() == "x"
        # One beside it, or around it, does not matter.
        await change_project(store, "inner", {"folder": str(root)})
        assert (await remove_project(store, "outer", with_folder=True))[1] is True
        assert names_in(root) == ["outer2"]
