import pytest

from tests.server.web.scene import FakeEngine, client, served

CHAT = {"model": "sonnet", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_request_of_our_own_claude_code_is_refused(path: str) -> None:
    engine = FakeEngine()
    async with client(served(engine)) as http:
        reply = await http.post(path, json=CHAT, headers={"x-claude-code-session-id": "own"})
        assert reply.status_code == 400
        assert "does not answer its own Claude Code" in reply.json()["error"]["message"]
        assert "ANTHROPIC_BASE_URL" in reply.json()["error"]["message"]
        assert engine.requests == []


async def test_a_request_of_another_claude_code_is_not() -> None:
    async with client(served(FakeEngine())) as http:
        reply = await http.post("/v1/chat/completions", json=CHAT, headers={"x-claude-code-session-id": "another"})
        assert reply.status_code == 200
