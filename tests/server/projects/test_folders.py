"""Which folders may be projects: single rules, and all of them at once over made-up trees with symbolic links."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import FolderRefused
from server.machine.files.paths import Folders
from server.projects import folders
from server.projects.folders import FolderRules, check_unchanged, checked_folder, rules_for
from server.projects.made_folders import delete_folder, folder_in_root
from server.projects.project import Project

needs_links = pytest.mark.skipif(os.name != "posix", reason="Windows lets only administrators make symbolic links")


def house(folder: Path) -> FolderRules:
    """A home with our folders, Claude's, a root for projects, and a folder outside of it."""
    home = folder.resolve() / "home"
    for name in ("config", "data", "logs", ".claude/projects", "root/shop", "work"):
        (home / name).mkdir(parents=True)
    own = Folders(home / "config", home / "data", home / "logs")
    return rules_for(own, home / "root", {"HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / "other-claude")})


@pytest.fixture
def rules(tmp_path: Path) -> FolderRules:
    return house(tmp_path)


def test_a_folder_of_the_user_is_taken_as_its_real_path(rules: FolderRules) -> None:
    assert checked_folder(f"{rules.home}/root/../work/", rules) == rules.home / "work"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (".", "home"),
        ("..", "home"),
        ("/", "file system"),
        ("config", "Drawbridge"),
        ("data", "Drawbridge"),
        ("logs", "Drawbridge"),
        (".claude", "Claude Code"),
        (".claude/projects", "Claude Code"),
        ("nowhere", "does not exist"),
        ("file", "not a folder"),
        ("root/../config", "Drawbridge"),
        ("other-claude", "Claude Code"),
    ],
)
def test_a_folder_that_no_project_may_have_is_refused(rules: FolderRules, place: str, why: str) -> None:
    (rules.home / "file").write_text("")
    (rules.home / "other-claude").mkdir()
    with pytest.raises(FolderRefused, match=why) as refused:
        checked_folder(rules.home / place, rules)
    assert refused.value.param == "folder"


def test_a_parent_of_our_own_folders_is_refused_even_before_they_exist(rules: FolderRules) -> None:
    later = replace(rules, own=(rules.home / "work" / "drawbridge" / "data",), claude=())
    with pytest.raises(FolderRefused, match="Drawbridge"):
        checked_folder(rules.home / "work", later)


@pytest.mark.parametrize("path", ["", "shop", "./shop", "~nobody-has-this-name/x", "a\nb", "/x\0y", "/" + "a" * 2000])
def test_a_path_that_names_no_place_is_refused(rules: FolderRules, path: str) -> None:
    with pytest.raises(FolderRefused):
        checked_folder(path, rules)


def test_a_path_that_is_not_absolute_is_refused_though_there_is_such_a_folder(
    rules: FolderRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rules.home)
    with pytest.raises(FolderRefused, match="not an absolute path"):
        checked_folder("work", rules)
    with pytest.raises(FolderRefused, match="projects_root"):
        folder_in_root("a", replace(rules, root=Path("root")))


@needs_links
def test_a_path_with_a_line_break_is_refused_though_there_is_such_a_folder(rules: FolderRules) -> None:
    (rules.home / "work" / "a\nb").mkdir()
    with pytest.raises(FolderRefused, match="printable"):
        checked_folder(rules.home / "work" / "a\nb", rules)


def test_the_home_is_that_of_windows_too(tmp_path: Path) -> None:
    own = Folders(tmp_path / "config", tmp_path / "data", tmp_path / "logs")
    assert rules_for(own, None, {"USERPROFILE": str(tmp_path)}).home == tmp_path


def test_the_root_itself_is_no_project(rules: FolderRules) -> None:
    with pytest.raises(FolderRefused, match="not inside"):
        checked_folder(rules.home / "root", rules, inside_root=True)


def test_a_folder_is_the_same_however_a_mac_writes_its_name(
    rules: FolderRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folders.identity_of
    monkeypatch.setattr(folders, "identity_of", lambda path: real(Path(str(path).replace("CONFIG", "config"))))
    assert folders.is_within(rules.home / "CONFIG" / "new", rules.home / "config")
    assert not folders.is_within(rules.home / "CONFIG" / "new", rules.home / "data")


def test_rules_that_changed_count_when_a_project_is_used(rules: FolderRules) -> None:
    folder = rules.home / "root" / "shop"
    check_unchanged(folder, rules)
    with pytest.raises(FolderRefused, match="Drawbridge"):
        check_unchanged(folder, replace(rules, own=(folder / "data",)))


def test_a_folder_is_made_in_the_root_only(rules: FolderRules) -> None:
    made, identity = folder_in_root("a/b", rules)
    assert (made, made.is_dir(), identity != "") == (rules.home / "root" / "a" / "b", True, True)
    assert folder_in_root("a/b", rules) == (made, "")
    assert folder_in_root(str(made), rules) == (made, "")
    for outside in ("..", "../work", "/tmp/x", str(rules.home / "new"), "", ".", "a/../.."):
        with pytest.raises(FolderRefused):
            folder_in_root(outside, rules)
    assert not (rules.home / "new").exists()
    with pytest.raises(FolderRefused, match="no folder for projects"):
        folder_in_root("a", replace(rules, root=None))
    with pytest.raises(FolderRefused, match="projects_root"):
        folder_in_root("a", replace(rules, root=rules.home / "missing"))
    with pytest.raises(FolderRefused, match="home"):
        folder_in_root("a", replace(rules, root=rules.home))


@pytest.mark.parametrize("place", ["x" * 300, "y/" * 600, "~", "~/new", "~no-such-user/x", "shop/" + "z" * 256])
def test_a_path_that_cannot_be_used_makes_no_folder(
    rules: FolderRules, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(rules.home))
    before = everything(rules.home)
    with pytest.raises(FolderRefused):
        folder_in_root(place, rules)
    with pytest.raises(FolderRefused):
        checked_folder(rules.home / "root" / place.replace("~", "tilde"), rules)
    assert everything(rules.home) == before
    assert folder_in_root("~/root/tilde", rules)[0] == rules.home / "root" / "tilde"


@needs_links
def test_a_symbolic_link_out_of_the_root_is_not_followed(rules: FolderRules) -> None:
    link = rules.home / "root" / "link"
    link.symlink_to(rules.home / "work")
    dangling = rules.home / "root" / "dangling"
    dangling.symlink_to(rules.home / "work" / "new")
    for name in ("link", "link/new", "dangling", "dangling/new"):
        with pytest.raises(FolderRefused, match="inside"):
            folder_in_root(name, rules)
    with pytest.raises(FolderRefused, match="inside"):
        checked_folder(link, rules, inside_root=True)
    assert list((rules.home / "work").iterdir()) == []
    # The user may add the folder that it leads to, which is then the project's.
    assert checked_folder(link, rules) == rules.home / "work"


@needs_links
def test_a_folder_that_was_replaced_by_a_link_is_not_used(rules: FolderRules) -> None:
    folder = rules.home / "root" / "shop"
    check_unchanged(folder, rules)
    folder.rmdir()
    with pytest.raises(FolderRefused, match="any more"):
        check_unchanged(folder, rules)
    folder.symlink_to(rules.home / "work")
    with pytest.raises(FolderRefused, match="another place"):
        check_unchanged(folder, rules)


def made(rules: FolderRules, name: str = "made") -> Project:
    folder, identity = folder_in_root(name, rules)
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x")
    return Project("proj-1", name, folder, is_ours=True, identity=identity)


def test_a_folder_that_we_made_is_deleted_with_all_in_it(rules: FolderRules) -> None:
    project = made(rules)
    assert delete_folder(project, rules) is True
    assert sorted(one.name for one in (rules.home / "root").iterdir()) == ["shop"]
    assert delete_folder(project, rules) is False


def test_a_folder_that_we_did_not_make_is_never_deleted(rules: FolderRules) -> None:
    folder = rules.home / "root" / "shop"
    found = folder.stat()
    for project in (
        Project("1", "shop", folder),
        Project("1", "shop", folder, is_ours=True),
        Project("1", "shop", folder, identity=f"{found.st_dev}:{found.st_ino}"),
    ):
        with pytest.raises(FolderRefused, match="not made by Drawbridge"):
            delete_folder(project, rules)
    project = made(rules)
    project.folder.rename(rules.home / "root" / "elsewhere")
    project.folder.mkdir()
    (project.folder / "kept").write_text("x")
    with pytest.raises(FolderRefused, match="not the one"):
        delete_folder(project, rules)
    assert (project.folder / "kept").exists()


@needs_links
def test_deleting_follows_no_link(rules: FolderRules) -> None:
    kept = rules.home / "work" / "kept"
    kept.write_text("x")
    project = made(rules)
    (project.folder / "link").symlink_to(rules.home / "work")
    assert delete_folder(project, rules) is True
    assert kept.exists()
    project = made(rules)
    moved = rules.home / "root" / "moved"
    project.folder.rename(moved)
    project.folder.symlink_to(moved)
    with pytest.raises(FolderRefused, match="not the one"):
        delete_folder(project, rules)
    assert (moved / "deep" / "file").exists()


NAMES = ("home", "config", "data", "logs", ".claude", "root", "work", "shop", "a", "b")
_parts = st.lists(st.sampled_from([*NAMES, "..", "."]), max_size=5)


@needs_links
@given(links=st.lists(st.tuples(_parts, _parts), max_size=4), asked=_parts, inside=st.booleans())
def test_whatever_links_there_are_no_forbidden_folder_is_taken(
    links: list[tuple[list[str], list[str]]], asked: list[str], inside: bool
) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        rules = house(base)
        for place, target in links:
            try:
                rules.home.joinpath(*place, "link").symlink_to(rules.home.joinpath(*target))
            except OSError:
                continue
        before = everything(base)
        for path in (asked, [*asked, "link"], [*asked, "link", "new"]):
            try:
                if inside:
                    taken, _ = folder_in_root(str(Path(*path)), rules)
                else:
                    taken = checked_folder(rules.home.joinpath(*path), rules)
            except FolderRefused:
                continue
            assert taken == taken.resolve(strict=True)
            assert not rules.home.is_relative_to(taken)
            for secret in (*rules.own, *rules.claude):
                assert not secret.is_relative_to(taken)
                assert not taken.is_relative_to(secret)
            if inside:
                assert taken.is_relative_to(rules.home / "root")
                assert taken != rules.home / "root"
        root = rules.home / "root"
        assert all(new.is_relative_to(root) for new in everything(base) - before)
    finally:
        shutil.rmtree(base)


def everything(base: Path) -> set[Path]:
    return {Path(place, name) for place, folders, files in os.walk(base) for name in (*folders, *files)}
