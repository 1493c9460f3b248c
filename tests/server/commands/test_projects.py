"""`drawbridge projects`, with and without a running server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from server.commands.root import run
from server.machine.files.paths import find_folders


@pytest.fixture
def shop(home: Path) -> Path:
    folder = home / "shop"
    folder.mkdir()
    return folder


def rows(capsys: pytest.CaptureFixture[str], *flags: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert run(["projects", "list", "--json", *flags]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_project_is_added_listed_changed_and_removed(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.parent)
    assert run(["projects", "add", "Shop", "shop", "--permission", "edit", "--tools", "Read,Edit", "--claude-md"]) == 0
    shown = capsys.readouterr()
    assert "agent_mode" in shown.err
    assert "Read, Edit" in shown.out
    (row,) = rows(capsys)
    assert str(row.pop("id")) in shown.out
    assert row == {
        "name": "Shop",
        "description": "",
        "folder": str(shop.resolve()),
        "permission": "edit",
        "tools": ["Read", "Edit"],
        "web": False,
        "reads_claude_md": True,
        "mcp_servers": {},
        "computer_use": False,
        "problem": None,
    }
    mcp = shop.parent / "mcp.json"
    mcp.write_text('{"mcpServers": {"files": {"command": "mcp-files"}}}')
    changes = ["--name", "store", "--tools", "*", "--web", "--no-claude-md", "--mcp-servers", str(mcp)]
    assert run(["projects", "set", "shop", *changes]) == 0
    (row,) = rows(capsys)
    assert (row["name"], row["web"], row["reads_claude_md"]) == ("store", True, False)
    assert row["tools"] == ["Read", "Glob", "Grep", "Write", "Edit", "WebFetch", "WebSearch"]
    assert row["mcp_servers"] == {"files": {"command": "mcp-files"}}
    assert run(["projects"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["store", "edit", "yes", str(shop.resolve())]
    assert run(["projects", "remove", "STORE"]) == 0
    assert "stays as it is" in capsys.readouterr().err
    assert rows(capsys) == []
    assert shop.is_dir()


def test_a_new_project_may_only_read(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["projects", "add", "shop", str(shop)]) == 0
    assert rows(capsys)[0]["tools"] == ["Read", "Glob", "Grep"]


def test_what_is_wrong_is_said_and_nothing_is_added(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["add", "a/b", str(shop)], "without / \\ @"),
        (["add", "home", str(shop.parent)], "is your home folder"),
        (["add", "x", str(shop / "nothing")], "does not exist"),
        (["add", "x", str(shop), "--tools", "Bash"], "does not have it"),
        (["add", "x", str(shop), "--make"], "projects_root"),
        (["add", "x", str(shop), "--mcp-servers", str(shop / "none")], "cannot be read"),
        (["show", "nothing"], "no project 'nothing'"),
        (["set", "nothing", "--web"], "no project 'nothing'"),
        (["remove", "nothing"], "no project 'nothing'"),
    ):
        capsys.readouterr()
        assert run(["projects", *arguments]) == 1
        assert words in capsys.readouterr().err
    assert rows(capsys) == []
    assert run(["projects"]) == 0
    assert "drawbridge projects add NAME FOLDER" in capsys.readouterr().err


def test_a_folder_is_made_and_deleted_in_the_folder_for_projects_only(
    home: Path, settings: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    root = home / "projects"
    root.mkdir()
    settings(f"projects_root = {json.dumps(str(root))}")
    assert run(["projects", "add", "a", str(root / "a"), "--make"]) == 0
    assert (root / "a").is_dir()
    assert run(["projects", "remove", "a", "--delete-folder"]) == 0
    assert "was deleted" in capsys.readouterr().err
    assert list(root.iterdir()) == []
    (root / "b").mkdir()
    assert run(["projects", "add", "b", str(root / "b"), "--make"]) == 0
    assert run(["projects", "remove", "b", "--delete-folder"]) == 1
    assert "not made by Drawbridge" in capsys.readouterr().err
    assert (root / "b").is_dir()
    assert [row["name"] for row in rows(capsys)] == ["b"]


def test_another_data_folder_and_the_demo_have_projects_of_their_own(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shop.parent / "other"
    assert run(["projects", "add", "shop", str(shop), "--data-dir", str(other)]) == 0
    assert rows(capsys) == []
    assert rows(capsys, "--demo", "--data-dir", str(other)) == []
    assert len(rows(capsys, "--data-dir", str(other))) == 1
    assert not (find_folders().data / "projects.sqlite3").read_bytes().count(b"shop")


def test_show_says_that_a_folder_is_gone(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["projects", "add", "shop", str(shop)])
    shop.rmdir()
    capsys.readouterr()
    assert run(["projects", "show", "shop"]) == 0
    shown = capsys.readouterr()
    assert str(shop) in shown.out
    assert "does not exist any more" in shown.err
    assert run(["projects"]) == 0
    assert "not usable" in capsys.readouterr().out
