"""The client library lists more sessions than the server lists at once."""

from typing import Any, cast

import httpx
import openai
import pytest

from server.client import sessions as module
from server.client.sessions import AsyncSessions, Sessions
from tests.server.web.scene import client
from tests.server.web.test_sessions import keeping


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (2, 2), (3, 3), (4, 4), (7, 5), (100, 5)])
async def test_all_pages_up_to_the_limit_are_read(monkeypatch: pytest.MonkeyPatch, limit: int, count: int) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    async with keeping() as scene:
        for number in range(5):
            await scene.chat("one", name=f"s{number}")
        async with client(scene.app) as http:
            library = openai.AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", http_client=cast("Any", http))
            found = await AsyncSessions(library).list(limit=limit)
        assert [one["id"] for one in found] == ["s4", "s3", "s2", "s1", "s0"][:count]
        pages = [(await scene.get(f"?limit=2&page={page}")).json() for page in (1, 2, 3)]

    def reply(request: httpx.Request) -> httpx.Response:
        asked: Any = request.url.params
        return httpx.Response(200, json=pages[int(asked["page"]) - 1])

    with httpx.Client(transport=httpx.MockTransport(reply)) as http_client:
        synchronous = openai.OpenAI(
            base_url="http://127.0.0.1/v1", api_key="none", http_client=cast("Any", http_client)
        )
        assert Sessions(synchronous).list(limit=limit) == found
