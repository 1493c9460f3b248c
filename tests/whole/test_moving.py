"""What clients of four other bridges send besides the examples of those bridges' READMEs, with the real Claude Code."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, conversation_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD, NEW = "claude-3-5-sonnet-20241022", "claude-sonnet-4-5-20250929"
# As later versions of claude-code-openai-wrapper and claude-code-api document them.
REQUESTS: Mapping[str, dict[str, Any]] = {
    "wrapper with tools": {"model": OLD, "enable_tools": True},
    "wrapper with an effort": {"model": NEW, "reasoning_effort": "high"},
    "wrapper with thinking": {"model": NEW, "thinking": {"type": "enabled", "budget_tokens": 8000}},
    "wrapper with a budget": {"model": NEW, "max_budget_usd": 0.05},
    "api": {"model": NEW},
    "api streamed": {"model": NEW, "stream": True},
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_of_another_bridge_is_answered(bridge: Bridge, standin: Standin, name: str) -> None:
    standin.script(lambda _: say("It is done."))
    standin.requests.clear()
    reply = await bridge.post({"messages": [{"role": "user", "content": "Hello!"}], **REQUESTS[name]})
    assert reply.status_code == 200, reply.text
    assert "It is done." in reply.text
    (request,) = standin.requests
    role, text = conversation_of(request.body)[-1]
    # Older models get Claude Code's note about its environment before the text.
    assert (role, text.endswith("Hello!")) == ("user", True)


async def test_the_state_of_a_session_is_that_of_its_last_answer(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: say("Blue."))
    for asks in ("My favorite color is blue.", "What is my favorite color?"):
        await bridge.chat(asks, model=OLD, session_id="my-session")
    stats = (await bridge.client.get("/sessions/stats")).json()
    assert stats["session_stats"]["active_sessions"] >= 1
    status = (await bridge.client.get("/chat/completions/my-session/status")).json()
    assert (status["status"], status["is_running"], status["message_count"]) == ("completed", False, 4)
    assert status["total_tokens"] > 0


async def test_headers_and_fields_without_effect_are_named(bridge: Bridge, standin: Standin) -> None:
    standin.requests.clear()
    body = {
        "model": OLD,
        "messages": [{"role": "user", "content": "Hello!"}],
        "enable_tools": True,
        "max_budget_usd": 0.05,
        "computer_use": True,
        "system_prompt": "Be brief.",
    }
    headers = {"x-claude-permission-mode": "bypassPermissions", "x-claude-max-turns": "5"}
    reply = await bridge.post(body, headers=headers)
    assert reply.status_code == 200, reply.text
    ignored = set(reply.headers["x-drawbridge-ignored"].replace(" ", "").split(","))
    assert {"enable_tools(needsaproject)", "max_budget_usd", "computer_use", *headers} <= ignored
    (request,) = standin.requests
    assert "Be brief." in json.dumps(request.body["system"])
    assert "tools" not in request.body or request.body["tools"] == []


async def test_an_answer_is_stopped_by_the_id_in_its_chunks(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: say(*(f"word {number} " for number in range(600)), gap_s=0.1))
    body = {"model": "sonnet", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    async with bridge.client.stream("POST", f"{bridge.url}/chat/completions", json=body) as reply:
        name, text = "", ""
        async for line in reply.aiter_lines():
            text += line
            if line.startswith("data: {") and not name and "chatcmpl-" in line:
                name = json.loads(line[6:])["id"]
                state = (await bridge.client.get(f"{bridge.url}/chat/completions/{name}/status")).json()
                assert (state["status"], state["is_running"]) == ("running", True)
                assert state["request_id"] == reply.headers["x-request-id"]
                stopped = await bridge.client.delete(f"{bridge.url}/chat/completions/{name}")
                assert stopped.json()["status"] == "stopped"
        assert "error" in text
    async with asyncio.timeout(60):
        while (state := (await bridge.client.get(f"{bridge.url}/chat/completions/{name}/status")).json())["is_running"]:
            await asyncio.sleep(0.05)
    assert state["status"] == "failed"
    again = await bridge.client.delete(f"{bridge.url}/chat/completions/{name}")
    assert again.status_code == 404
    assert (await bridge.client.get(f"{bridge.url}/chat/completions/nothing/status")).status_code == 404


async def test_models_and_tools_are_listed(bridge: Bridge) -> None:
    models = (await bridge.client.get(f"{bridge.url}/models/capabilities")).json()
    assert {"opus", "sonnet", "haiku"} <= {one["id"] for one in models["models"]}
    assert all(one["supports_tools"] for one in models["models"])
    tools = (await bridge.client.get(f"{bridge.url}/tools")).json()
    assert {one["name"]: one["permission"] for one in tools["tools"]} == {
        "Read": "read-only",
        "Glob": "read-only",
        "Grep": "read-only",
        "Write": "edit",
        "Edit": "edit",
        "Bash": "full",
        "WebFetch": "web",
        "WebSearch": "web",
    }


@pytest.mark.parametrize("path", ["/v1/compatibility", "/v1/debug/request", "/v1/mcp/servers", "/v1/tools/stats"])
async def test_other_paths_say_what_to_use_instead(bridge: Bridge, path: str) -> None:
    reply = await bridge.client.post(f"{bridge.url.removesuffix('/v1')}{path}", json={})
    assert reply.status_code in {404, 405, 501}
    assert "Drawbridge does not support" in reply.text
