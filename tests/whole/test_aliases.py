"""The user's own names for models: which model and effort arrive upstream, from every API."""

from pathlib import Path
from typing import Any

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "Hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/responses": {"input": "Hi"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 99},
    "/v1/completions": {"prompt": "Hi"},
    "/api/chat": {"messages": MESSAGES, "stream": False},
    "/api/generate": {"prompt": "Hi", "stream": False},
    "/openai/deployments/deep/chat/completions": {"messages": MESSAGES},
    "/api/v0/chat/completions": {"messages": MESSAGES},
}
EXPLICIT: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"reasoning_effort": "low"},
    "/v1/responses": {"reasoning": {"effort": "low"}},
    "/v1/messages": {"output_config": {"effort": "low"}},
}


async def test_the_model_and_effort_of_an_alias_arrive_upstream_from_every_api(standin: Standin, folder: Path) -> None:
    standin.script(lambda _: say("Hello"))
    settings = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    async with open_bridge(standin, folder) as bridge:
        root = bridge.url.removesuffix("/v1")
        plain = await upstream(bridge, standin, root + "/v1/chat/completions", {"messages": MESSAGES, "model": "deep"})
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text('[aliases]\ndeep = { model = "opus", effort = "high" }\n')
        while "deep" not in await listed(bridge, root + "/v1/models", "data", "id"):
            pass
        # Before, the name meant the default model.
        assert plain[0] != "claude-opus-5-5"
        for path, body in BODIES.items():
            arrived = await upstream(bridge, standin, root + path, {"model": "deep", **body})
            assert arrived == ("claude-opus-5-5", "high"), path
        for path, effort in EXPLICIT.items():
            body = {"model": "deep", **BODIES[path], **effort}
            assert await upstream(bridge, standin, root + path, body) == ("claude-opus-5-5", "low"), path
        assert "deep" in await listed(bridge, root + "/v1/models", "data", "id", {"anthropic-version": "2023-06-01"})
        assert "deep" in await listed(bridge, root + "/api/tags", "models", "name")
        assert "deep" in await listed(bridge, root + "/api/v0/models", "data", "id")
        assert "deep" in await listed(bridge, root + "/api/v1/models", "models", "key")
        assert (await bridge.client.get(root + "/v1/models/deep")).json()["id"] == "deep"
        assert (await bridge.client.post(root + "/api/show", json={"model": "deep"})).status_code == 200
        assert (await bridge.client.post(root + "/api/show", json={"model": "no-such-alias"})).status_code == 404
        # A broken edit changes nothing.
        settings.write_text('[aliases]\nopus = "haiku"\n')
        while "aliases.opus" not in bridge.log:
            await bridge.health()
        assert "deep" in await listed(bridge, root + "/api/tags", "models", "name")


async def upstream(bridge: Bridge, standin: Standin, url: str, body: object) -> tuple[str, str | None]:
    """The model and effort that arrive at Claude's API for this request."""
    standin.requests.clear()
    reply = await bridge.client.post(url, json=body)
    assert reply.status_code == 200, reply.text
    arrived: Any = standin.requests[-1].body
    return arrived["model"], arrived.get("output_config", {}).get("effort")


async def listed(bridge: Bridge, url: str, rows: str, name: str, headers: dict[str, str] | None = None) -> list[str]:
    found = (await bridge.client.get(url, headers=headers)).json()
    return [row[name] for row in found[rows]]
