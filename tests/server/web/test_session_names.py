"""Whatever a session is named, it can be read, forked, stopped and deleted by that name, and no other one is."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.server.web.scene import client
from tests.server.web.test_sessions import Scene, keeping, user

NAMES = (
    "a",
    "a/b",
    "a//b",
    "/a/b",
    "a/b/",
    "/",
    "a/fork",
    "a/status",
    "%2F",
    "a?b#c",
    "a\\b",
    " ü 漢字 ",
    "a b",
    "a.b",
    0,
)


async def on(scene: Scene, method: str, path: str, **named: Any) -> httpx.Response:
    async with client(scene.app) as c:
        return await c.request(method, path, **named)


async def names(scene: Scene) -> set[str]:
    return {row["id"] for row in (await scene.get("")).json()["data"]}


async def test_a_name_is_part_of_a_url_if_it_is_encoded() -> None:
    async with keeping() as scene:
        for number, name in enumerate(NAMES):
            await scene.chat(f"question {number}", name=name)
        left = {str(name).strip() for name in NAMES}
        assert await names(scene) == left
        for number, name in enumerate(NAMES):
            id_ = str(name).strip()
            path = f"/v1/sessions/{quote(id_, safe='')}"
            read = (await on(scene, "GET", f"{path}/")).json()
            assert (read["id"], read["messages"][0]["content"]) == (id_, f"question {number}")
            status = await on(scene, "GET", f"/v1/chat/completions/{quote(id_, safe='')}/status")
            assert (status.json()["session_id"], status.json()["status"]) == (id_, "completed")
            fork = (await on(scene, "POST", f"/api{path}/fork", json={"session_id": "copy"})).json()
            assert (fork["id"], fork["forked_from"]) == ("copy", id_)
            assert (await on(scene, "DELETE", "/v1/sessions/copy")).json()["deleted"] is True
            assert (await on(scene, "DELETE", path)).json()["id"] == id_
            left.remove(id_)
            assert await names(scene) == left


@pytest.mark.parametrize("name", [".", "..", " .. "])
async def test_a_name_that_clients_remove_from_urls_is_refused(name: str) -> None:
    async with keeping() as scene:
        reply = await scene.chat("one", name=name)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "session_id")
        assert not scene.engine.requests


async def test_a_name_in_the_header_is_the_same_as_in_the_body() -> None:
    async with keeping() as scene:
        await scene.chat("one", name="Gespräch 漢字")
        for given in ("Gespräch 漢字", "Gespräch 漢字 "):
            headers = [(b"x-session-id", given.strip().encode())]
            body = {"messages": [user("two")], "session_id": "" if given.endswith(" ") else None}
            reply = await on(scene, "POST", "/v1/chat/completions", json=body, headers=headers)
            assert reply.headers["x-drawbridge-session"] == "continued"
        # As a client writes it that knows Latin-1 only.
        headers = [(b"x-session-id", "Gespräch".encode("latin-1"))]
        await on(scene, "POST", "/v1/chat/completions", json={"messages": [user("three")]}, headers=headers)
        assert await names(scene) == {"Gespräch 漢字", "Gespräch"}


@pytest.mark.parametrize(
    ("path", "settings", "ignored"),
    [
        ("/v1/chat/completions", {"sessions": "off"}, "x-session-id"),
        ("/v1/completions", {}, "x-session-id"),
        ("/api/generate", {}, "x-session-id"),
        ("/v1/chat/completions", {}, None),
    ],
)
async def test_the_header_is_named_as_ignored_where_it_has_no_effect(
    path: str, settings: dict[str, Any], ignored: str | None
) -> None:
    async with keeping(**settings) as scene:
        text = {"messages": [user("one")]} if "chat" in path else {"prompt": "one", "stream": False}
        reply = await on(scene, "POST", path, json=text, headers={"x-session-id": "s"})
        assert (reply.status_code, reply.headers.get("x-drawbridge-ignored")) == (200, ignored)


@pytest.mark.parametrize("body", [[], ["x"], 3, "x", {"session_id": []}, {"session_id": ".."}, {"session_id": ""}])
async def test_a_fork_with_a_body_that_names_nothing_is_refused(body: object) -> None:
    async with keeping() as scene:
        await scene.chat("one")
        assert (await scene.get("/s/fork", "POST", json=body)).status_code == 400
        assert await names(scene) == {"s"}


@pytest.mark.parametrize("name", [True, 1.5, [], {"a": 1}, "x" * 201, "a\nb", " \t "])
async def test_a_name_that_cannot_be_one_is_refused(name: object) -> None:
    async with keeping() as scene:
        reply = await scene.chat("one", name=name)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "session_id")
        assert not scene.engine.requests
        for named in ("", 17):
            assert (await scene.chat("one", name=named)).status_code == 200
        assert [row["id"] for row in (await scene.get("")).json()["data"]] == ["17"]


async def test_sessions_are_listed_page_by_page() -> None:
    async with keeping() as scene:
        for number in range(5):
            await scene.chat("one", name=f"s{number}")
        every = (await scene.get("")).json()
        assert [row["id"] for row in every["data"]] == ["s4", "s3", "s2", "s1", "s0"]
        assert every["pagination"]["total_pages"] == 1
        for size in ("limit", "per_page"):
            pages = [(await scene.get(f"?{size}=2&page={page}")).json() for page in (1, 2, 3, 4)]
            assert [[row["id"] for row in page["data"]] for page in pages] == [["s4", "s3"], ["s2", "s1"], ["s0"], []]
            assert [page["pagination"]["has_next"] for page in pages] == [True, True, False, False]
            assert {page["total"] for page in pages} == {5}
        for query in (
            "limit=0",
            "limit=1001",
            "per_page=x",
            "page=0",
            "page=-1",
            "page=20001",
            "page=1.0",
            "page=%D9%A3",
        ):
            refused = await scene.get(f"?{query}")
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, query.partition("=")[0])
