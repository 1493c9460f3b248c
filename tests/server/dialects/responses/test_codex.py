"""What Codex needs: errors that it does not repeat, compaction, no WebSocket."""

from typing import Any

import pytest

from server import errors
from server.conversation.events import Failed, Started
from server.conversation.request import ToolChoice
from server.dialects.responses.compaction import PROMPT, UNREADABLE
from server.errors import DrawbridgeError
from tests.server.dialects.answers import answer, call, text, thinking
from tests.server.dialects.bodies import HI
from tests.server.dialects.responses.kit import strict_event
from tests.server.dialects.responses.scene import open_scene

CODEX = {"originator": "codex_exec"}
TRIGGER = {"type": "compaction_trigger"}
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
LIMIT = errors.UsageLimit("Claude's usage limit is reached.", resets_at=1_900_000_000.5, retry_after_s=7200)
# By Codex 0.171, a request that fails with 400, or with 429 and this type, is sent once.
STATUSES: list[tuple[DrawbridgeError, int, int, str | None]] = [
    (errors.SignInNeeded("Not signed in."), 401, 400, "claude_sign_in_needed"),
    (errors.CliMissing(), 503, 400, "claude_code_missing"),
    (errors.CliUnfit(), 503, 400, "claude_code_unfit"),
    (errors.PermissionRefused("No."), 403, 400, "claude_permission_refused"),
    (errors.UpstreamUnknown("No model."), 404, 400, "model_not_found"),
    (errors.ModelUnknown("No model."), 404, 400, "model_not_found"),
    (errors.WorkerDied(), 500, 400, "claude_code_ended"),
    (errors.WorkerSilent(), 504, 400, "claude_timeout"),
    (errors.AnswerCut(), 500, 400, "answer_cut"),
    (errors.PromptTooLong(), 400, 400, "context_length_exceeded"),
    (errors.UpstreamRefused("No."), 400, 400, "claude_refused"),
    (LIMIT, 429, 429, "insufficient_quota"),
    (errors.RateLimit("Slow down."), 429, 429, "rate_limit_exceeded"),
    (errors.QueueTimeout(), 503, 503, "server_is_overloaded"),
    (errors.UpstreamDown("Overloaded.", status=529), 503, 503, "server_is_overloaded"),
    (errors.UpstreamDown("Failed.", status=500), 500, 503, "server_is_overloaded"),
]


@pytest.mark.parametrize(("error", "status", "codex_status", "code"), STATUSES, ids=lambda value: type(value).__name__)
async def test_codex_gets_errors_that_it_does_not_repeat(
    error: DrawbridgeError, status: int, codex_status: int, code: str | None
) -> None:
    async with open_scene([Failed(error)]) as scene:
        plain = await scene.post({"input": "Hi", "stream": True})
        codex = await scene.post({"input": "Hi", "stream": True}, **CODEX)
    assert (plain.status_code, codex.status_code) == (status, codex_status)
    assert codex.json()["error"]["code"] == code
    assert codex.json()["error"]["message"] == plain.json()["error"]["message"]


async def test_a_usage_limit_says_when_it_ends() -> None:
    async with open_scene([Failed(LIMIT)]) as scene:
        for headers in ({}, CODEX):
            error = (await scene.post({"input": "Hi"}, **headers)).json()["error"]
            assert (error["type"], error["resets_at"]) == ("usage_limit_reached", 1_900_000_001)


@pytest.mark.parametrize(
    ("error", "code", "codex_code"),
    [
        (LIMIT, "rate_limit_exceeded", "insufficient_quota"),
        (errors.RateLimit("Slow down.", retry_after_s=7), "rate_limit_exceeded", "rate_limit_exceeded"),
        (errors.PromptTooLong(), "invalid_prompt", "context_length_exceeded"),
        (errors.UpstreamRefused("No."), "invalid_prompt", "invalid_prompt"),
        (errors.UpstreamDown("Overloaded."), "server_error", "server_is_overloaded"),
        (errors.ShuttingDown(), "server_error", "server_is_overloaded"),
        (errors.WorkerDied(), "server_error", "invalid_prompt"),
        (errors.SignInNeeded(), "server_error", "invalid_prompt"),
        (DrawbridgeError(), "server_error", "invalid_prompt"),
    ],
)
async def test_a_failure_in_a_stream_has_a_code(error: DrawbridgeError, code: str, codex_code: str) -> None:
    async with open_scene([Started("m"), Failed(error)]) as scene:
        plain = (await scene.stream("Hi"))[-1]
        codex = (await scene.stream("Hi", headers={"user-agent": "codex_exec/0.171.0 (Linux)"}))[-1]
    strict_event(plain)
    assert (plain["type"], codex["type"]) == ("response.failed", "response.failed")
    found = (plain["response"]["error"]["code"], codex["response"]["error"]["code"])
    assert found == (code, codex_code)
    waits = isinstance(error, errors.RateLimit)
    assert ("Try again in 7s." in codex["response"]["error"]["message"]) == waits


@pytest.mark.parametrize("stream", [True, False])
async def test_a_compaction_is_exactly_one_item_that_is_read_back(stream: bool) -> None:
    history: list[Any] = [HI, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "More."}]
    summary = answer(thinking(0, "Hm."), text(1, "The user ", "greeted. "))
    async with open_scene(summary) as scene:
        asked: Any = {"tools": [TOOL], "store": False, "reasoning": {"summary": "auto"}}
        if stream:
            events = await scene.stream([*history, TRIGGER], **asked)
            kinds = [event["type"] for event in events]
            assert kinds.count("response.output_item.done") == kinds.count("response.output_item.added") == 1
            for event in events:
                strict_event(event)
            output = events[-1]["response"]["output"]
            assert events[-1]["type"] == "response.completed"
        else:
            output = (await scene.ask([*history, TRIGGER], **asked))["output"]
        (item,) = output
        assert (item["type"], item["id"][:4]) == ("compaction", "cmp_")
        *before, last = scene.last.messages
        assert len(before) == 2
        assert [part.text for part in last.parts] == ["More.", PROMPT]  # type: ignore[union-attr]
        # The same tools, so that the worker that holds the conversation answers.
        assert [tool.name for tool in scene.last.profile.tools] == ["look"]
        assert scene.last.settings.tool_choice == ToolChoice("none")
        await scene.ask([item, {"role": "user", "content": "Go on."}])
        (message,) = scene.last.messages
        assert message.parts[0].text.endswith("\n\nThe user greeted.")  # type: ignore[union-attr]
        assert message.parts[1].text == "Go on."  # type: ignore[union-attr]
        assert not scene.last.ignored
        foreign = {**item, "encrypted_content": "gAAAAA"}
        await scene.ask([foreign, {"role": "user", "content": "Go on."}])
        assert scene.last.messages[0].parts[0].text == UNREADABLE  # type: ignore[union-attr]
        assert scene.last.ignored == ("input[0] (compaction)",)


async def test_an_empty_summary_is_a_failure() -> None:
    async with open_scene(answer(call(0, "look", "{}"))) as scene:
        events = await scene.stream([HI, TRIGGER])
        assert events[-1]["type"] == "response.failed"
        assert (await scene.post({"input": [HI, TRIGGER]})).status_code == 500


async def test_a_websocket_is_refused_with_426() -> None:
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "x"}
    async with open_scene() as scene:
        for path in ("/v1/responses", "/v1/realtime", "/responses"):
            reply = await scene.http.get(path, headers=upgrade)
            assert (reply.status_code, reply.json()["error"]["code"]) == (426, "upgrade_required")
        assert (await scene.http.get("/v1/responses")).status_code == 405


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    async with open_scene() as scene:
        reply = await scene.post({"input": "Hi", **fields})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
        assert not scene.engine.requests


async def test_what_has_no_effect_is_named() -> None:
    fields = {
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "client_metadata": {"a": "b"},
        "store": True,
        "truncation": "auto",
        "prompt_cache_key": "k",
        "messages": [HI],
        "guided_json": {"a": 1},
    }
    async with open_scene() as scene:
        reply = await scene.post({"input": "Hi", **fields})
    named = set(reply.headers["x-drawbridge-ignored"].split(", "))
    expected = {"truncation", "prompt_cache_key", "messages", "guided_json", "include (message.output_text.logprobs)"}
    assert named == expected
