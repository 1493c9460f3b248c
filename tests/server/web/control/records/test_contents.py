"""/control/contents over a running application: what it takes, and what the page gets."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from server.app import create_app
from server.contents.contents import Contents
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from server.web.journaling import Entry
from tests.server.web.scene import FakeControl, FakeEngine, client


class Scene:
    """A client of the page's rights, and the contents that it switches."""

    def __init__(self, http: httpx.AsyncClient, contents: Contents) -> None:
        self.http, self.contents = http, contents

    async def ask(self, method: str, path: str = "", body: object = None) -> httpx.Response:
        return await self.http.request(method, f"/control/contents{path}", json=body)

    async def kept(self) -> list[Any]:
        self.contents.flush()
        return list((await self.ask("GET")).json()["data"])


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    engine, control = FakeEngine(), FakeControl()
    contents = Contents(tmp_path / "contents.sqlite3", lambda: 0)

    def ended(entry: Entry, status: int | None) -> None:
        if entry.keeper is not None:
            contents.end(entry.keeper, entry.final(status, at=1.0, payer="plan"))

    app = create_app(engine.config, engine, control, parts=Parts(contents=contents))
    let_in = AccessMiddleware(app, lambda: policy_for(engine.config), on_end=ended, keep=contents.keeper)
    async with client(let_in, **{"x-drawbridge-token": control.token}) as http:
        yield Scene(http, contents)
    contents.close()


WRONG = (
    *("null", "[]", "{}", '{"on": "yes"}', '{"on": true, "minutes": 0}', '{"on": true, "minutes": -1}'),
    *('{"on": true, "minutes": "5"}', '{"on": true, "minutes": 1441}', '{"on": true, "minutes": true}'),
    *('{"on": true, "minutes": 1e400}', '{"on": true, "minutes": 1' + "0" * 400 + "}", "{", ""),
    *('{"on": true, "minuets": 15}', '{"on": true, "minutes": [1]}'),
)


@pytest.mark.parametrize("body", WRONG)
async def test_a_wrong_wish_is_refused_and_changes_nothing(scene: Scene, body: str) -> None:
    headers = {"content-type": "application/json"}
    response = await scene.http.post("/control/contents", content=body, headers=headers)
    assert response.status_code == 400, response.text
    assert not scene.contents.is_on


async def test_what_the_page_itself_sends_is_not_kept(scene: Scene) -> None:
    assert (await scene.ask("POST", body={"on": True, "minutes": None})).json()["on"] is True
    await scene.ask("POST", body={"on": True, "minutes": 5})
    await scene.http.get("/v1/models")
    assert await scene.kept() == []


async def test_a_refused_caller_has_left_nothing(scene: Scene) -> None:
    await scene.ask("POST", body={"on": True})
    evil = await scene.http.post("/v1/chat/completions", json={"messages": []}, headers={"host": "evil.example"})
    assert evil.status_code == 403
    assert await scene.kept() == []


async def test_odd_ids_are_unknown_and_not_an_error(scene: Scene) -> None:
    for odd in ("x" * 2000, "%00", "..%2f..%2fsettings", "%F0%9F%92%A9"):
        response = await scene.ask("GET", f"/{odd}")
        assert response.status_code in {200, 404}
        assert response.json().get("state", "not kept") == "not kept"
    assert (await scene.ask("GET", "/unknown/export")).status_code == 404
    assert (await scene.ask("DELETE", "/unknown")).json() == {"forgotten": False}


async def test_a_kept_request_is_listed_shown_and_forgotten(scene: Scene) -> None:
    await scene.ask("POST", body={"on": True})
    sent = await scene.http.post("/v1/chat/completions", json={"messages": "wrong"}, headers={"x-request-id": "mine"})
    assert sent.status_code == 400
    (row,) = await scene.kept()
    assert (row["id"], row["status"], row["path"]) == ("mine", 400, "/v1/chat/completions")
    found = (await scene.ask("GET", "/mine")).json()
    assert (found["state"], '"wrong"' in found["request"]["text"]) == ("kept", True)
    export = await scene.ask("GET", "/mine/export?number=7")
    assert export.headers["content-disposition"] == 'attachment; filename="drawbridge-mine.json"'
    assert (await scene.ask("DELETE", "/mine")).json() == {"forgotten": True}
    assert await scene.kept() == []
