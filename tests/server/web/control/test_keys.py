"""The keys of apps as the page manages them."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from server.app import create_app
from server.config import Config
from server.keys.key_book import KeyBook
from server.keys.key_file import FILE_NAME
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from tests.server.web.scene import ASK, FakeControl, FakeEngine, client

CONFIG = Config(api_key="main", require_key=True)


@pytest.fixture
async def page(tmp_path: Path) -> httpx.AsyncClient:
    control, book = FakeControl(), KeyBook(tmp_path)
    app = create_app(CONFIG, FakeEngine(config=CONFIG), control, parts=Parts(keys=book))
    guarded = AccessMiddleware(app, lambda: policy_for(CONFIG, "local", book.find))
    return client(guarded, **{"x-drawbridge-token": control.token})


async def rows(page: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await page.get("/control/keys")).json()["data"]
    return found


async def test_a_key_is_made_used_changed_and_revoked(page: httpx.AsyncClient) -> None:
    made = await page.post("/control/keys", json={"name": " Open WebUI ", "requests_per_minute": 1})
    assert made.status_code == 201
    text = made.json()["key"]
    assert [(row["name"], row["requests_per_minute"], "key" in row) for row in await rows(page)] == [
        ("Open WebUI", 1, False)
    ]
    key = {"authorization": f"Bearer {text}"}
    assert [(await page.post("/v1/chat/completions", json=ASK, headers=key)).status_code for _ in range(2)] == [
        200,
        429,
    ]
    assert (await rows(page))[0]["requests_in_last_minute"] == 1
    changed = await page.patch("/control/keys/open webui", json={"name": "WebUI/2", "requests_per_minute": None})
    assert (changed.status_code, changed.json()["name"]) == (200, "WebUI/2")
    assert (await page.post("/v1/chat/completions", json=ASK, headers=key)).status_code == 200
    revoked = await page.delete("/control/keys/WebUI%2F2")
    assert revoked.json() == {"name": "WebUI/2", "revoked": True}
    assert (await page.post("/v1/chat/completions", json=ASK, headers=key)).status_code == 401
    assert await rows(page) == []


async def test_a_client_may_have_several_keys_with_numbers(page: httpx.AsyncClient) -> None:
    names = [
        (await page.post("/control/keys", json={"name": "Talon", "numbered": True})).json()["name"] for _ in range(2)
    ]
    assert names == ["Talon", "Talon 2"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "param"),
    [
        ("POST", "", {"name": "Talon"}, 409, "name"),
        ("POST", "", {}, 400, "name"),
        ("POST", "", [], 400, None),
        ("POST", "", {"name": "a", "right": 1}, 400, "right"),
        ("POST", "", {"name": "a", "listeners": ["attic"]}, 400, "listeners"),
        ("PATCH", "/Talon", {"tokens_per_minute": 0}, 400, "tokens_per_minute"),
        ("PATCH", "/Nothing", {}, 404, None),
        ("DELETE", "/Nothing", None, 404, None),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    page: httpx.AsyncClient, method: str, path: str, body: object, status: int, param: str | None
) -> None:
    await page.post("/control/keys", json={"name": "Talon"})
    before = await rows(page)
    reply = await page.request(method, f"/control/keys{path}", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (status, param)
    assert await rows(page) == before


async def test_a_file_that_cannot_be_used_is_named(page: httpx.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"version": 99}')
    shown = (await page.get("/control/keys")).json()
    assert (shown["data"], "newer Drawbridge" in shown["trouble"]) == ([], True)
    assert (await page.post("/control/keys", json={"name": "Talon"})).status_code == 409
