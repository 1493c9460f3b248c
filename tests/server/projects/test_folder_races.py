"""Folders that change while Drawbridge makes or deletes them, and systems that cannot open a folder step by step."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.errors import FolderRefused
from server.projects import made_folders
from server.projects.folders import FolderRules
from server.projects.made_folders import delete_folder, folder_in_root
from server.projects.project import Project
from tests.server.projects.test_folders import house, made

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows lets only administrators make symbolic links")


@pytest.fixture
def rules(tmp_path: Path) -> FolderRules:
    return house(tmp_path)


def just_before(monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], object]) -> None:
    """Has `happens` done once, just before the next call of `os.<name>`."""
    real = getattr(os, name)

    def call(*args: Any, **named: Any) -> object:
        monkeypatch.setattr(os, name, real)
        happens()
        return real(*args, **named)

    monkeypatch.setattr(os, name, call)


def test_a_link_that_appears_while_a_folder_is_made_is_not_followed(
    rules: FolderRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = rules.home / "work"
    just_before(monkeypatch, "mkdir", lambda: (rules.home / "root" / "a").symlink_to(work))
    with pytest.raises(FolderRefused, match="cannot be made"):
        folder_in_root("a/b", rules)
    assert list(work.iterdir()) == []


def test_a_folder_that_another_program_makes_at_the_same_time_is_not_ours(
    rules: FolderRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    just_before(monkeypatch, "mkdir", (rules.home / "root" / "a").mkdir)
    assert folder_in_root("a", rules) == (rules.home / "root" / "a", "")


def test_a_folder_that_is_replaced_while_it_is_deleted_stays(
    rules: FolderRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(rules)

    def replace_it() -> None:
        project.folder.rename(rules.home / "root" / "elsewhere")
        project.folder.mkdir()
        (project.folder / "kept").write_text("x")

    just_before(monkeypatch, "rename", replace_it)
    with pytest.raises(FolderRefused, match="not the one"):
        delete_folder(project, rules)
    assert (project.folder / "kept").exists()
    assert (rules.home / "root" / "elsewhere" / "deep" / "file").exists()


def test_a_folder_is_for_its_owner_only(rules: FolderRules) -> None:
    before = os.umask(0)
    try:
        folder, _ = folder_in_root("a/b", rules)
    finally:
        os.umask(before)
    assert [one.stat().st_mode & 0o777 for one in (folder, folder.parent)] == [0o700, 0o700]


def test_a_folder_below_a_parent_that_is_a_link_now_is_not_deleted(rules: FolderRules) -> None:
    project = made(rules, "a/b")
    moved = rules.home / "root" / "moved"
    project.folder.parent.rename(moved)
    project.folder.parent.symlink_to(moved)
    with pytest.raises(FolderRefused, match="not the one"):
        delete_folder(project, rules)
    assert (moved / "b" / "deep" / "file").exists()


def test_a_folder_that_no_project_may_have_any_more_is_not_deleted(rules: FolderRules) -> None:
    project = made(rules)
    with pytest.raises(FolderRefused, match="Drawbridge's own files"):
        delete_folder(project, replace(rules, own=(project.folder / "deep",)))
    assert (project.folder / "deep" / "file").exists()


def test_where_folders_cannot_be_opened_step_by_step_the_same_rules_hold(
    rules: FolderRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_folders, "_IS_SAFE", False)
    project = made(rules, "a/b")
    moved = rules.home / "root" / "a" / "moved"
    project.folder.rename(moved)
    for replacement in (Path.mkdir, lambda folder: folder.symlink_to(moved)):
        replacement(project.folder)
        with pytest.raises(FolderRefused, match="not the one"):
            delete_folder(project, rules)
        assert (moved / "deep" / "file").exists()
        assert project.folder.exists()
        if project.folder.is_symlink():
            project.folder.unlink()
        else:
            project.folder.rmdir()
    moved.rename(project.folder)
    assert delete_folder(project, rules) is True
    theirs = Project("1", "shop", rules.home / "root" / "shop", is_ours=True)
    with pytest.raises(FolderRefused, match="not made by Drawbridge"):
        delete_folder(theirs, rules)
