"""Projects over HTTP: who sees them, who may add and remove them, and in which form."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.web.projects_scene import HOST, MAIN, Scene
from tests.server.web.scene import client


@pytest.fixture
def open_scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, projects_by_api=True)


def error(reply: httpx.Response) -> tuple[int, str, str]:
    shown = reply.json()["error"]
    return reply.status_code, shown["code"], shown["message"]


async def test_the_steps_of_claude_code_api_work(open_scene: Scene) -> None:
    made = await open_scene.ask("POST", body={"name": "My Project", "description": "A shop", "path": "web/shop"})
    assert made.status_code == 200
    project = made.json()
    assert {
        "object": "project",
        "name": "My Project",
        "description": "A shop",
        "path": str(open_scene.root / "web" / "shop"),
        "permission": "read-only",
        "tools": ["Read", "Glob", "Grep"],
        "is_active": True,
    }.items() <= project.items()
    assert (open_scene.root / "web" / "shop").is_dir()
    listed = (await open_scene.ask("GET")).json()
    assert listed["data"] == [project]
    assert listed["pagination"] == {
        "page": 1,
        "per_page": 20,
        "total_items": 1,
        "total_pages": 1,
        "has_next": False,
        "has_prev": False,
    }
    for name in (project["id"], "my%20project"):
        assert (await open_scene.ask("GET", f"/{name}")).json() == project
    removed = await open_scene.ask("DELETE", f"/{project['id']}")
    assert {"project_id": project["id"], "status": "deleted", "folder_deleted": False}.items() <= removed.json().items()
    assert error(await open_scene.ask("GET", f"/{project['id']}"))[:2] == (404, "not_found")
    assert (open_scene.root / "web" / "shop").is_dir()


async def test_without_a_path_the_folder_is_named_like_the_project(open_scene: Scene) -> None:
    made = await open_scene.ask("POST", body={"name": "shop", "path": None, "is_public": True})
    assert made.json()["path"] == str(open_scene.root / "shop")
    assert made.headers["x-drawbridge-ignored"] == "is_public"


async def test_a_folder_that_was_made_is_deleted_on_wish(open_scene: Scene) -> None:
    await open_scene.ask("POST", body={"name": "made"})
    (open_scene.root / "made" / "file").write_text("x")
    reply = await open_scene.ask("DELETE", "/made?delete_folder=true")
    assert reply.json()["folder_deleted"] is True
    assert list(open_scene.root.iterdir()) == []
    await open_scene.add("theirs")
    refused = await open_scene.ask("DELETE", "/theirs?delete_folder=true")
    assert error(refused)[0] == 400
    assert (await open_scene.ask("GET", "/theirs")).json()["is_active"] is True
    assert error(await open_scene.ask("DELETE", "/theirs?delete_folder=1"))[0] == 400


async def test_a_list_has_pages(open_scene: Scene) -> None:
    for number in range(5):
        await open_scene.add(f"p{number}")
    page = (await open_scene.ask("GET", "?page=2&per_page=2")).json()
    assert [row["name"] for row in page["data"]] == ["p2", "p3"]
    assert (page["pagination"]["total_pages"], page["pagination"]["has_next"]) == (3, True)
    for query in ("page=0", "per_page=101", "page=x", "per_page=-1"):
        assert error(await open_scene.ask("GET", f"?{query}"))[0] == 400


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "name"),
        ([], 400, None),
        ({"name": "a/b"}, 400, "name"),
        ({"name": "shop"}, 400, "name"),
        ({"name": "a", "path": "../outside"}, 400, "folder"),
        ({"name": "a", "path": "/etc"}, 400, "folder"),
        ({"name": "a", "path": 1}, 400, "folder"),
        ({"name": "a", "path": "a", "folder": "b"}, 400, "folder"),
        ({"name": "a", "permission": "bypassPermissions"}, 400, "permission"),
        ({"name": "a", "tools": ["Bash"]}, 400, "allowed_tools"),
        ({"name": "a", "permission": "full"}, 403, "permission"),
        ({"name": "a", "mcp_servers": {"x": {"command": "rm"}}}, 403, "mcp_servers"),
        ({"name": "a", "computer_use": True}, 403, "computer_use"),
        ({"name": "a", "web": True}, 403, "web"),
        ({"name": "a", "remote_keys": ["x"]}, 403, "remote_keys"),
    ],
)
async def test_what_an_app_may_not_give_is_named_and_changes_nothing(
    open_scene: Scene, body: Any, status: int, param: str | None
) -> None:
    await open_scene.add("shop")
    before = await open_scene.store.listed()
    reply = await open_scene.ask("POST", body=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (status, param), reply.text
    assert await open_scene.store.listed() == before
    assert list(open_scene.root.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows lets only administrators make symbolic links")
async def test_a_link_out_of_the_root_is_not_followed(open_scene: Scene) -> None:
    outside = open_scene.home / "secret"
    outside.mkdir()
    (open_scene.root / "link").symlink_to(outside)
    for path in ("link", "link/new"):
        assert error(await open_scene.ask("POST", body={"name": "a", "path": path}))[0] == 400
    assert list(outside.iterdir()) == []


async def test_apps_may_change_projects_only_where_the_user_allowed_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    project = await scene.add()
    for headers, where in (
        ({}, "projects_by_api"),
        (scene.key("Plain"), 'drawbridge keys set "Plain" --projects'),
        (scene.key("Agent", agent=True), 'drawbridge keys set "Agent" --projects'),
    ):
        for method, path, body in (("POST", "", {"name": "new"}), ("DELETE", "/shop", None)):
            status, code, message = error(await scene.ask(method, path, body, **headers))
            assert (status, code) == (403, "projects_not_allowed")
            assert where in message
    assert await scene.store.listed() == (project,)
    allowed = scene.key("Allowed", projects=True)
    assert (await scene.ask("POST", body={"name": "new"}, **allowed)).status_code == 200
    assert (await scene.ask("DELETE", "/new", **allowed)).status_code == 200


async def test_a_key_without_agent_mode_sees_no_project(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await scene.add()
    plain, agent = scene.key("Plain"), scene.key("Agent", agent=True)
    for path in ("", "/shop"):
        status, code, message = error(await scene.ask("GET", path, **plain))
        assert (status, code) == (403, "projects_not_allowed")
        assert "--agent" in message
    assert len((await scene.ask("GET", **agent)).json()["data"]) == 1
    assert len((await scene.ask("GET")).json()["data"]) == 1


async def test_from_other_devices_a_key_sees_only_what_the_user_gave_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "lan", api_key=MAIN, projects_by_api=True)
    mine, other = scene.key("Phone", agent=True, projects=True), scene.key("Other", agent=True)
    (phone, _) = scene.book.listed()
    await scene.add("given", remote_keys=(phone.id,))
    await scene.add("not given")
    main = {"authorization": f"Bearer {MAIN}"}
    for headers, names in ((mine, ["given"]), (other, []), (main, [])):
        assert [row["name"] for row in (await scene.ask("GET", **headers)).json()["data"]] == names
        assert (await scene.ask("GET", "/not%20given", **headers)).status_code == 404
        assert error(await scene.ask("POST", body={"name": "x"}, **headers))[:2] == (403, "projects_not_allowed")
        assert error(await scene.ask("DELETE", "/given", **headers))[:2] == (403, "projects_not_allowed")
    assert len(await scene.store.listed()) == 2


async def test_through_the_tunnel_there_are_no_projects_at_all(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "tunnel", projects_by_api=True)
    key = scene.key("Cursor", listeners=("tunnel",), agent=True, projects=True)
    (cursor,) = scene.book.listed()
    await scene.add("given", remote_keys=(cursor.id,))
    async with client(scene.app, host=HOST, **key) as c:
        assert (await c.get("/v1/models")).status_code == 200
    for method, path in (("GET", ""), ("GET", "/given"), ("POST", ""), ("DELETE", "/given"), ("OPTIONS", "")):
        reply = await scene.ask(method, path, {"name": "x"} if method == "POST" else None, host=HOST, **key)
        assert (reply.status_code, reply.content) == (404, b"")
    assert len(await scene.store.listed()) == 1


async def test_a_store_that_cannot_be_read_is_an_error_and_blocks_nothing_else(tmp_path: Path) -> None:
    scene = Scene(tmp_path, projects_by_api=True)
    (tmp_path / "data").write_text("no folder")
    status, _, message = error(await scene.ask("GET"))
    assert status == 500
    assert "projects cannot be read" in message
    async with client(scene.app) as c:
        assert (await c.get("/v1/models")).status_code == 200


async def test_a_folder_that_leads_elsewhere_now_is_no_agents(tmp_path: Path) -> None:
    scene = Scene(tmp_path, agent_mode=True)
    project = await scene.add()
    body = {"model": "sonnet@shop", "messages": [{"role": "user", "content": "Hi"}]}
    project.folder.rename(project.folder.with_name("moved"))
    async with client(scene.app) as c:
        reply = await c.post("/v1/chat/completions", json=body)
    assert error(reply)[0] == 400
    assert "does not exist any more" in error(reply)[2]
    shown = (await scene.ask("GET", "/shop")).json()
    assert (shown["is_active"], "does not exist any more" in shown["problem"]) == (False, True)


async def test_a_request_narrows_its_project_and_never_widens_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, agent_mode=True)
    project = await scene.add(permission="edit")
    body = {"model": "sonnet@shop", "messages": [{"role": "user", "content": "Hi"}], "enable_tools": True}
    headers = {"x-claude-allowed-tools": "Read,Write,Bash", "x-claude-permission-mode": "bypassPermissions"}
    async with client(scene.app, **headers) as c:
        reply = await c.post("/v1/chat/completions", json=body)
        in_session = await c.post("/v1/chat/completions", json={**body, "session_id": "s"})
    assert reply.headers["x-drawbridge-ignored"] == "x-claude-permission-mode, x-claude-allowed-tools.Bash"
    assert in_session.status_code == 200
    works = [request.work for request in scene.engine.requests]
    assert [work.project.tools for work in works if work] == [("Read", "Write")] * 2
    async with client(scene.app, **{"x-claude-allowed-tools": "Bash"}) as c:
        refused = await c.post("/v1/chat/completions", json=body)
    assert error(refused)[0] == 400
    assert "it has Read, Glob, Grep, Write, Edit." in error(refused)[2]
    assert len(scene.engine.requests) == 2
    # The project itself is as before.
    assert await scene.store.listed() == (project,)


# The page


async def control(scene: Scene, method: str, path: str = "", body: Any = None) -> httpx.Response:
    async with client(scene.app, **{"x-drawbridge-token": scene.control.token}) as c:
        return await c.request(method, f"/control/projects{path}", json=body)


async def test_the_user_may_give_everything_on_the_page(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.key("Phone", agent=True, listeners=("local", "lan"))
    scene.key("Here", agent=True, listeners=("local",))
    folder = scene.home / "work"
    folder.mkdir()
    given = {
        "name": "work",
        "description": "all",
        "folder": str(folder),
        "permission": "full",
        "allowed_tools": ["Bash", "WebFetch"],
        "web": True,
        "reads_claude_md": True,
        "mcp_servers": '{"files": {"command": "x"}}',
        "computer_use": True,
        "remote_keys": [scene.book.listed()[0].id],
    }
    made = await control(scene, "POST", body=given)
    assert made.status_code == 201
    shown = (await control(scene, "GET")).json()
    (row,) = shown["data"]
    assert row == made.json()
    assert {**given, "mcp_servers": json.loads(row["mcp_servers"])} == {
        **{name: row[name] for name in given},
        "mcp_servers": {"files": {"command": "x"}},
    }
    assert [(key["name"], key["places"]) for key in shown["keys"]] == [("Phone", ["other devices and containers"])]
    changed = await control(scene, "PATCH", f"/{row['id']}", {"permission": "edit", "allowed_tools": [], "web": False})
    assert changed.json()["tools"] == ["Read", "Glob", "Grep", "Write", "Edit"]
    assert changed.json()["mcp_servers"] == row["mcp_servers"]
    assert (await control(scene, "DELETE", f"/{row['id']}")).json() == {
        "id": row["id"],
        "name": "work",
        "folder_deleted": False,
    }
    assert (await control(scene, "GET")).json()["data"] == []


async def test_the_page_makes_a_folder_in_the_root_only(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    made = await control(scene, "POST", body={"name": "new", "make": True})
    assert (made.json()["folder"], made.json()["is_ours"]) == (str(scene.root / "new"), True)
    elsewhere = {"name": "x", "folder": str(scene.home / "x"), "make": True}
    assert (await control(scene, "POST", body=elsewhere)).status_code == 400
    assert not (scene.home / "x").exists()


async def test_the_page_deletes_only_the_folder_that_was_made(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    made = (await control(scene, "POST", body={"name": "new", "make": True})).json()
    # The same folder again is still the one that was made.
    same = await control(scene, "PATCH", f"/{made['id']}", {"folder": made["folder"]})
    assert same.json()["is_ours"] is True
    other = scene.home / "other"
    other.mkdir()
    moved = await control(scene, "PATCH", f"/{made['id']}", {"folder": str(other)})
    assert (moved.json()["folder"], moved.json()["is_ours"]) == (str(other), False)
    assert (await control(scene, "DELETE", f"/{made['id']}?delete_folder=true")).status_code == 400
    assert other.is_dir()
    second = (await control(scene, "POST", body={"name": "second", "make": True})).json()
    removed = await control(scene, "DELETE", f"/{second['id']}?delete_folder=true")
    assert removed.json()["folder_deleted"] is True
    assert not Path(second["folder"]).exists()
    assert Path(made["folder"]).is_dir()


async def test_without_readable_keys_no_project_is_given_to_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.key("Phone", agent=True)
    await scene.add()
    scene.book.file.path.write_text("{")
    assert scene.book.listed() == ()
    reply = await control(scene, "PATCH", "/shop", {"remote_keys": ["x"]})
    assert reply.status_code == 500
    assert "keys of apps cannot be read" in error(reply)[2]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "param"),
    [
        ("POST", "", {"name": "x"}, 400, "folder"),
        ("POST", "", {"name": "x", "folder": "/"}, 400, "folder"),
        ("POST", "", {"name": "x", "colour": "red"}, 400, "colour"),
        ("POST", "", {"name": "x", "remote_keys": ["none"]}, 400, "remote_keys"),
        ("PATCH", "/shop", {"make": True}, 400, "make"),
        ("PATCH", "/shop", {"remote_keys": ["none"]}, 400, "remote_keys"),
        ("PATCH", "/nothing", {}, 404, None),
        ("DELETE", "/nothing", None, 404, None),
    ],
)
async def test_what_is_wrong_on_the_page_is_named(
    tmp_path: Path, method: str, path: str, body: Any, status: int, param: str | None
) -> None:
    scene = Scene(tmp_path)
    project = await scene.add()
    reply = await control(scene, method, path, body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (status, param)
    assert await scene.store.listed() == (project,)


async def test_without_the_token_nothing_is_shown_or_changed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await scene.add()
    async with client(scene.app) as c:
        for method, path in (("GET", ""), ("POST", ""), ("PATCH", "/shop"), ("DELETE", "/shop")):
            body = {"name": "x"} if method in {"POST", "PATCH"} else None
            assert (await c.request(method, f"/control/projects{path}", json=body)).status_code == 403
    assert len(await scene.store.listed()) == 1
