"""The endpoints beside the responses: a compacted window that is read back, and an estimate of the input tokens."""

from typing import Any

import pytest
from openai.types.responses import CompactedResponse, InputTokenCountResponse

from server import errors
from server.conversation.events import Failed
from server.conversation.request import ToolChoice
from server.dialects.responses.compaction import PROMPT
from tests.server.dialects.answers import answer, call, text
from tests.server.dialects.bodies import HI
from tests.server.dialects.responses.scene import Scene, open_scene

COMPACT, COUNT = "/v1/responses/compact", "/v1/responses/input_tokens"
MORE: dict[str, Any] = {"role": "user", "content": "More."}
HISTORY: list[Any] = [HI, {"role": "assistant", "content": "Hello."}, MORE]
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
SUMMARY = answer(text(0, "The user ", "greeted. "))


async def compacted(scene: Scene, **fields: Any) -> CompactedResponse:
    reply = await scene.post({"model": "sonnet", **fields}, COMPACT)
    assert reply.status_code == 200, reply.text
    return CompactedResponse.model_validate(reply.json(), strict=True)


async def counted(scene: Scene, **fields: Any) -> int:
    reply = await scene.post(fields, COUNT)
    assert (reply.status_code, reply.headers.get("x-drawbridge-count")) == (200, "estimate"), reply.text
    return InputTokenCountResponse.model_validate(reply.json(), strict=True).input_tokens


async def test_a_compacted_window_is_read_back() -> None:
    async with open_scene(SUMMARY) as scene:
        found = await compacted(scene, input=HISTORY, tools=[TOOL], instructions="Be kind.")
        assert found.usage.total_tokens == found.usage.input_tokens + found.usage.output_tokens > 0
        *before, last = scene.last.messages
        assert len(before) == 2
        assert [part.text for part in last.parts] == ["More.", PROMPT]  # type: ignore[union-attr]
        assert (scene.last.profile.system, scene.last.settings.tool_choice) == ("Be kind.", ToolChoice("none"))
        (item,) = found.output
        assert item.type == "compaction"
        await scene.ask([item.to_dict(), {"role": "user", "content": "Go on."}])
        (message,) = scene.last.messages
        assert message.parts[0].text.endswith("\n\nThe user greeted.")  # type: ignore[union-attr]
        assert message.parts[1].text == "Go on."  # type: ignore[union-attr]
        assert not scene.last.ignored


async def test_a_stored_conversation_is_compacted_by_its_id() -> None:
    async with open_scene(answer(text(0, "Hello.")), SUMMARY) as scene:
        first = await scene.ask("hi")
        await compacted(scene, previous_response_id=first["id"], input=None)
        texts = ["".join(part.text for part in one.parts) for one in scene.last.messages]  # type: ignore[union-attr]
        assert texts == ["hi", "Hello.", PROMPT]


@pytest.mark.parametrize("body", [{}, {"input": []}, {"input": ""}, {"input": None}, [], "text"])
async def test_nothing_to_compact_is_refused(body: object) -> None:
    async with open_scene(SUMMARY) as scene:
        assert (await scene.post(body, COMPACT)).status_code == 400
        assert not scene.engine.requests


async def test_an_unknown_response_is_refused() -> None:
    async with open_scene(SUMMARY) as scene:
        for path in (COMPACT, COUNT):
            error = (await scene.post({"previous_response_id": "resp_unknown", "input": "Hi"}, path)).json()["error"]
            assert error["code"] == "previous_response_not_found"


async def test_a_compaction_has_no_stream() -> None:
    async with open_scene(SUMMARY) as scene:
        reply = await scene.post({"input": "Hi", "stream": True}, COMPACT)
        assert (reply.json()["object"], reply.headers["x-drawbridge-ignored"]) == ("response.compaction", "stream")


async def test_a_failed_compaction_has_the_errors_of_the_api() -> None:
    async with open_scene(answer(call(0, "look", "{}")), [Failed(errors.WorkerDied())]) as scene:
        assert (await scene.post({"input": "Hi"}, COMPACT)).json()["error"]["code"] == "answer_cut"
        codex = await scene.post({"input": "Hi"}, COMPACT, originator="codex_exec")
        assert (codex.status_code, codex.json()["error"]["code"]) == (400, "claude_code_ended")


async def test_everything_counts() -> None:
    async with open_scene(answer(text(0, "Hello. " * 50))) as scene:
        plain = await counted(scene, input="Hello, how are you today?")
        assert 5 <= plain <= 20
        assert await counted(scene, input=[HI], instructions="Be brief. " * 35) > plain + 80
        assert 340 < await counted(scene, input="Hello, how are you today?", tools=[TOOL]) - plain < 400
        form = {"type": "json_schema", "name": "a", "schema": {"type": "object", "description": "x" * 350}}
        assert await counted(scene, input="Hello, how are you today?", text={"format": form}) >= plain + 100
        assert not scene.engine.requests
        first = await scene.ask("hi")
        assert await counted(scene, input="And?", previous_response_id=first["id"]) > plain + 80


@pytest.mark.parametrize("body", [{"input": 5}, [], {"input": [{"type": "message", "role": "user"}, 5]}])
async def test_a_wrong_body_is_refused_by_the_count(body: object) -> None:
    async with open_scene() as scene:
        reply = await scene.post(body, COUNT)
        assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")
