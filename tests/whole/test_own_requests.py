"""The server never sends requests to itself: by its environment, or through one of its own Claude Code processes."""

from pathlib import Path

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.ports import free_port
from tests.whole.bridge import Bridge, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY")


async def test_a_proxy_that_is_this_server_is_left_out(upstream: Standin, tmp_path: Path) -> None:
    port = free_port()
    proxies = dict.fromkeys(PROXIES, f"http://localhost:{port}")
    upstream.script(lambda _: say("straight"))
    async with open_bridge(upstream, tmp_path, "--port", str(port), "--pool-size", "1", environment=proxies) as bridge:
        reply = await bridge.chat("hi")
        assert reply.json()["choices"][0]["message"]["content"] == "straight"
        assert len(upstream.requests) == 1
        workers = bridge.workers()
        assert workers
        assert all(not set(PROXIES) & set(worker.environ()) for worker in workers)
        assert (await bridge.health())["status"] == "ok"
        assert "HTTP_PROXY" in bridge.log


async def test_a_base_url_that_is_this_server_is_left_out(tmp_path: Path) -> None:
    port = free_port()
    # Nothing listens at the proxy, so Claude Code reaches nobody in this test.
    own = {
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "ANTHROPIC_API_KEY": "sk-test",
    }
    async with open_bridge(None, tmp_path, "--port", str(port), "--pool-size", "1", environment=own) as bridge:
        await bridge.until_pool(raw=1)
        (worker,) = bridge.workers()
        assert "ANTHROPIC_BASE_URL" not in worker.environ()
        assert worker.environ()["HTTPS_PROXY"] == own["HTTPS_PROXY"]
        assert "ANTHROPIC_BASE_URL" in bridge.log


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/models"])
async def test_a_request_of_its_own_process_is_refused(path: str, bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: say("one"))
    assert (await bridge.chat("hi")).status_code == 200
    session = standin.requests[-1].headers["x-claude-code-session-id"]
    url = bridge.url.removesuffix("/v1") + path
    headers = {"x-claude-code-session-id": session}
    body = {"model": "sonnet", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    method = "GET" if path == "/v1/models" else "POST"
    count = len(standin.requests)
    reply = await bridge.client.request(method, url, json=body, headers=headers)
    assert (reply.status_code, "does not answer its own Claude Code" in reply.text) == (400, True), reply.text
    assert len(standin.requests) == count
    foreign = await bridge.client.get("/models", headers={"x-claude-code-session-id": session[::-1]})
    assert foreign.status_code == 200
