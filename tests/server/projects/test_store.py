"""The store of projects over real files: names, changes, two processes, and files that cannot be used."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest

from server.errors import InvalidRequest, NotFound, ProjectsUnreadable
from server.projects import store as module
from server.projects.folders import FolderRules
from server.projects.project import Project
from server.projects.store import NameTaken, ProjectStore, projects_file

FULL = Project(
    id="",
    name="Häuser",
    folder=Path("/home/me/häuser"),
    permission="edit",
    allowed_tools=("Read", "Edit"),
    web=True,
    reads_claude_md=True,
    mcp_servers='{"a": {"command": "b"}}',
    computer_use=True,
    is_ours=True,
    remote_keys=("0123456789",),
    description="all of them",
    identity="1:2",
)


@contextmanager
def kept(folder: Path) -> Iterator[ProjectStore]:
    def rules() -> FolderRules:
        return FolderRules(folder, (), ())

    store = ProjectStore(folder / "data" / "projects.sqlite3", rules=rules, clock=lambda: 1_800_000_000.0)
    try:
        yield store
    finally:
        store.close()


async def test_every_field_of_a_project_survives_a_restart(tmp_path: Path) -> None:
    default = Project("", "", Path("/"))
    assert all(
        getattr(FULL, one.name) != getattr(default, one.name)
        for one in fields(Project)[3:]
        if not one.name.endswith("_at")
    )
    with kept(tmp_path) as store:
        added = await store.add(FULL)
        assert added == replace(FULL, id=added.id, created_at=1_800_000_000.0, changed_at=1_800_000_000.0)
        assert added.id.startswith("proj-")
    with kept(tmp_path) as store:
        assert await store.listed() == (added,)
        assert await store.find(added.id) == added


@pytest.mark.parametrize("name", ["Häuser", "HÄUSER", "häuser", "  Häuser ", "Ha\u0308user"])
async def test_a_name_is_found_and_taken_however_it_is_written(tmp_path: Path, name: str) -> None:
    with kept(tmp_path) as store:
        added = await store.add(FULL)
        assert await store.find(name) == added
        with pytest.raises(NameTaken):
            await store.add(replace(FULL, name=name))
        assert len(await store.listed()) == 1


async def test_a_change_replaces_the_project_and_frees_its_old_name(tmp_path: Path) -> None:
    with kept(tmp_path) as store:
        one, other = await store.add(FULL), await store.add(replace(FULL, name="other"))
        renamed = await store.change(replace(one, name="new", permission="full"))
        assert await store.find("new") == renamed
        assert await store.find(one.name) is None
        with pytest.raises(NameTaken):
            await store.change(replace(other, name="NEW"))
        assert await store.find("other") == other
        # With other letters, but it is its own name.
        await store.change(replace(other, name="Other"))


async def test_a_removed_project_is_neither_found_nor_changed(tmp_path: Path) -> None:
    with kept(tmp_path) as store:
        one = await store.add(FULL)
        await store.remove(one)
        assert await store.find(one.id) is None
        with pytest.raises(NotFound):
            await store.named(one.name)
        with pytest.raises(NotFound):
            await store.change(one)
        with pytest.raises(NotFound):
            await store.remove(one)
        assert await store.listed() == ()


async def test_what_another_process_adds_counts_at_once(tmp_path: Path) -> None:
    with kept(tmp_path) as server, kept(tmp_path) as command:
        assert await server.find("Häuser") is None
        added = await command.add(FULL)
        assert await server.find("Häuser") == added
        with pytest.raises(NameTaken):
            await server.add(FULL)
        await server.remove(added)
        assert await command.listed() == ()


async def test_there_is_a_greatest_number_of_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PROJECTS", 1)
    with kept(tmp_path) as store:
        await store.add(FULL)
        with pytest.raises(InvalidRequest, match="Remove one"):
            await store.add(replace(FULL, name="other"))


async def test_a_broken_file_is_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "data" / "projects.sqlite3"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    with kept(tmp_path) as store:
        added = await store.add(FULL)
        assert await store.listed() == (added,)
        assert store.trouble is None
    assert (file.parent / "projects.broken-1.sqlite3").read_bytes().startswith(b"no database")


async def test_a_file_of_a_newer_version_is_an_error_and_left_alone(tmp_path: Path) -> None:
    with kept(tmp_path) as store:
        await store.add(FULL)
    file = tmp_path / "data" / "projects.sqlite3"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.read_bytes()
    with kept(tmp_path) as store:
        with pytest.raises(ProjectsUnreadable, match="newer Drawbridge"):
            await store.find("x")
        with pytest.raises(ProjectsUnreadable):
            await store.add(FULL)
        assert store.trouble is not None
    assert file.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes of files")
async def test_only_this_user_can_read_the_file(tmp_path: Path) -> None:
    with kept(tmp_path) as store:
        await store.add(FULL)
        file = tmp_path / "data" / "projects.sqlite3"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_demo_has_its_own_projects(tmp_path: Path) -> None:
    assert projects_file(tmp_path, is_demo=True) != projects_file(tmp_path, is_demo=False)
