"""Chat completions from HTTP to the Messages API and back, through the real CLI."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from server.dialects.common.history.message_rules import FIRST_TURN
from server.standin.script import Cut, Gate, Hold, Pause, Script, Text, Usage, refuse, say
from server.standin.script import Reply as Answer
from server.standin.server import Recorded, Standin
from tests.server.dialects.openai_api import published
from tests.whole.bridge import Bridge, conversation_of, data_of, messages

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_whole_answer(bridge: Bridge, standin: Standin) -> None:
    standin.script(say("Hel", "lo!", usage=Usage(10, 2, 3, 5, 0)))
    reply = await bridge.chat("hi")
    body = reply.json()
    assert reply.status_code == 200
    assert body["choices"][0]["message"]["content"] == "Hello!"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (15, 5)
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 3
    assert reply.headers["x-drawbridge-way"] in {"spare", "reset", "cold"}
    assert reply.headers["x-drawbridge-model"] == "claude-sonnet-5-5"
    assert float(reply.headers["x-drawbridge-cost-usd"]) > 0
    assert reply.headers["x-request-id"]


async def test_a_streamed_answer_token_by_token(bridge: Bridge, standin: Standin) -> None:
    standin.script(say("Hel", "lo", "!"))
    lines = await bridge.stream("hi", stream_options={"include_usage": True})
    assert lines[0].startswith("data:")
    assert lines[-1] == "data: [DONE]"
    deltas = [chunk["choices"][0]["delta"].get("content") for chunk in data_of(lines) if chunk["choices"]]
    assert [delta for delta in deltas if delta] == ["Hel", "lo", "!"]
    last = data_of(lines)[-1]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 20)


async def test_tokens_do_not_wait_for_the_end(bridge: Bridge, standin: Standin) -> None:
    gate = Gate()
    standin.script(say("first", Hold(gate), " second"))
    body = {"messages": messages("hi"), "stream": True}
    seen = ""
    async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            seen += line
            if '"first"' in line:
                assert "second" not in seen
                gate.open()
    assert "second" in seen


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/chat/completions/", "/api/v1/chat/completions"])
async def test_every_path_that_clients_write(bridge: Bridge, standin: Standin, path: str) -> None:
    reply = await bridge.client.post(bridge.url.removesuffix("/v1") + path, json={"messages": messages("hi")})
    assert reply.status_code == 200


async def test_three_turns_in_true_roles_with_the_system_prompt(bridge: Bridge, standin: Standin) -> None:
    conversation = [{"role": "system", "content": "Be terse."}, *messages("one", "two", "three", "four", "five")]
    conversation.insert(1, {"role": "developer", "content": "Be kind."})
    assert (await bridge.post({"messages": conversation})).status_code == 200
    body = standin.requests[-1].body
    assert conversation_of(body) == [
        *(("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four"), ("user", "five")),
    ]
    assert body["system"][-1]["text"] == "Be terse.\nBe kind."  # type: ignore[index]


async def test_parts_and_neighbours_of_the_same_role(bridge: Bridge, standin: Standin) -> None:
    part = {"type": "text", "text": "first"}
    conversation = [
        {"role": "system", "content": [{"type": "text", "text": "Be terse."}]},
        {"role": "user", "content": [part, {"type": "text", "text": "second"}]},
        {"role": "user", "content": "third", "name": "somebody"},
    ]
    assert (await bridge.post({"messages": conversation, "unknown": {"field": 1}})).status_code == 200
    assert conversation_of(standin.requests[-1].body) == [("user", "first|second|third")]


async def test_a_conversation_that_starts_with_the_assistant(bridge: Bridge, standin: Standin) -> None:
    conversation = [{"role": "assistant", "content": "Hello, I am here."}, {"role": "user", "content": "hi"}]
    assert (await bridge.post({"messages": conversation})).status_code == 200
    spoken = conversation_of(standin.requests[-1].body)
    assert spoken == [("user", FIRST_TURN), ("assistant", "Hello, I am here."), ("user", "hi")]


ODD = [
    [],
    messages("hi", "there", "  \n"),
    [{"role": "system", "content": " "}],
    messages("  \n"),
    [{"role": "user", "content": ""}],
]


@pytest.mark.parametrize("conversation", ODD, ids=range(len(ODD)))
async def test_an_incomplete_conversation_is_refused(
    bridge: Bridge, standin: Standin, conversation: list[dict[str, str]]
) -> None:
    reply = await bridge.post({"messages": conversation})
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert standin.requests == []


MODELS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "claude-sonnet-5-5", "sonnet"),
    ({"model": "gpt-4o-mini"}, "claude-sonnet-5-5", "gpt-4o-mini"),
    ({"model": "haiku"}, "claude-haiku-5-5", "haiku"),
    ({"model": "opus"}, "claude-opus-5-5", "opus"),
    ({"model": "default"}, "claude-opus-5-5", "default"),
    ({"model": "anthropic/claude-haiku-5-5"}, "claude-haiku-5-5", "anthropic/claude-haiku-5-5"),
    ({"model": "claude-sonnet-4-5"}, "claude-sonnet-4-5", "claude-sonnet-4-5"),
]


@pytest.mark.parametrize(("fields", "answering", "echoed"), MODELS, ids=str)
async def test_the_model_is_chosen_by_the_request(
    bridge: Bridge, standin: Standin, fields: dict[str, Any], answering: str, echoed: str
) -> None:
    reply = await bridge.chat("hi", **fields)
    assert standin.requests[-1].body["model"] == answering
    assert reply.json()["model"] == echoed
    assert reply.headers["x-drawbridge-model"] == answering


async def test_parameters_do_what_they_say_and_do_not_stick(bridge: Bridge, standin: Standin) -> None:
    reply = await bridge.chat("hi", max_tokens=7, stop=["END"], reasoning_effort="low", temperature=0.3)
    body = standin.requests[-1].body
    assert (body["max_tokens"], body["stop_sequences"], body["output_config"]) == (7, ["END"], {"effort": "low"})
    assert "temperature" not in body
    assert reply.headers["x-drawbridge-ignored"] == "temperature"
    await bridge.chat("hi")
    body = standin.requests[-1].body
    assert "stop_sequences" not in body
    assert body["max_tokens"] != 7
    assert body["output_config"] != {"effort": "low"}


async def test_an_answer_that_ends_at_its_limit_is_one_request(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda recorded: say("Half", stop_reason="max_tokens", before_stop=(Pause(5),)))
    body = (await bridge.chat("hi", max_tokens=5)).json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["choices"][0]["message"]["content"] == "Half"
    assert len(standin.requests) == 1


async def test_one_request_holds_nothing_of_another(bridge: Bridge, standin: Standin) -> None:
    await bridge.post({"messages": [{"role": "system", "content": "MARK-S"}, *messages("MARK-A")]})
    await bridge.chat("question B")
    assert "MARK" not in json.dumps(standin.requests[-1].body)
    assert standin.requests[-1].size <= 2600


FAILURES: list[tuple[Script, int, str | None]] = [
    (refuse(400, "messages.0: bad"), 400, None),
    (refuse(400, "prompt is too long: 210000 tokens > 200000 maximum"), 400, "context_length_exceeded"),
    (refuse(401), 401, None),
    (refuse(403), 403, None),
    (refuse(404, "model: x"), 404, "model_not_found"),
    (refuse(413), 413, None),
    (refuse(429), 429, None),
    (refuse(500), 500, None),
    (refuse(529), 503, None),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("answer", "status", "code"), FAILURES, ids=lambda value: repr(value)[:30])
async def test_a_failure_upstream_has_its_true_status(
    bridge: Bridge, standin: Standin, answer: Script, status: int, code: str | None, stream: bool
) -> None:
    standin.script(lambda recorded: answer)
    reply = await bridge.chat("hi", stream=stream)
    assert reply.status_code == status
    published("ErrorResponse")(reply.json())
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code
    # The stand-in names no end, and a guess would make clients wait for nothing.
    assert "retry-after" not in reply.headers


def broken(place: str, gate: Gate) -> Answer:
    """An answer that breaks after its first word has arrived: within the block or behind it."""
    if place == "within":
        return Answer((Text(("Half", Hold(gate), Cut())),))
    return Answer((Text(("Half",)), Hold(gate), Cut()))


@pytest.mark.parametrize("place", ["within", "behind"])
async def test_a_cut_stream_is_one_clear_error(bridge: Bridge, standin: Standin, place: str) -> None:
    gate = Gate()
    standin.script(lambda recorded: broken(place, gate))
    lines: list[str] = []
    body = {"messages": messages("hi"), "stream": True}
    async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            lines.append(line)
            if '"Half"' in line:
                gate.open()
    chunks = [chunk for chunk in data_of(lines) if "choices" in chunk]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "Half"
    assert not any(chunk["choices"][0]["finish_reason"] for chunk in chunks)
    assert len([chunk for chunk in data_of(lines) if "error" in chunk]) == 1
    assert "data: [DONE]" not in lines


@pytest.mark.parametrize("place", ["within", "behind"])
async def test_a_cut_whole_answer_is_one_clear_error(bridge: Bridge, standin: Standin, place: str) -> None:
    gate = Gate()
    standin.script(lambda recorded: broken(place, gate))
    asking = asyncio.create_task(bridge.chat("hi"))
    await asyncio.wait_for(gate.reached(), 20)
    await asyncio.sleep(0.2)
    gate.open()
    whole = await asking
    assert whole.status_code in {500, 503}
    assert set(whole.json()) == {"error"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_disconnect_stops_the_request_upstream(bridge: Bridge, standin: Standin, stream: bool) -> None:
    gate = Gate()
    standin.script(say("Half", Hold(gate), " never"))
    async with httpx.AsyncClient(base_url=bridge.url, trust_env=False, timeout=60) as leaving:
        body = {"messages": messages("hi"), "stream": stream}
        asking = asyncio.create_task(leaving.post("/chat/completions", json=body))
        await asyncio.wait_for(gate.reached(), 20)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await asyncio.wait_for(standin.requests[-1].client_disconnected(), 30)
    await bridge.until_pool(answering=0)


async def test_a_request_id_goes_in_and_out_and_into_the_log(bridge: Bridge, standin: Standin) -> None:
    reply = await bridge.chat("hi", headers={"x-request-id": "mine-42"})
    assert reply.headers["x-request-id"] == "mine-42"
    assert "[mine-42]" in bridge.log


async def test_prompts_answers_and_keys_stay_out_of_the_log(bridge: Bridge, standin: Standin) -> None:
    standin.script(say("SECRET-ANSWER"), refuse(400, "SECRET-REFUSAL"))
    await bridge.chat("SECRET-PROMPT")
    await bridge.chat("SECRET-PROMPT")
    assert "SECRET" not in bridge.log
    assert bridge.environment["ANTHROPIC_API_KEY"] not in bridge.log


async def test_the_life_of_workers_is_in_the_log(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi")
    await bridge.until_pool(answering=0)
    assert "worker" in bridge.log


async def test_what_is_not_built_says_what_to_use_instead(bridge: Bridge) -> None:
    reply = await bridge.client.post("/batches", json={"input_file_id": "hi"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_supported")
    assert "/v1/chat/completions" in reply.json()["error"]["message"]


async def test_the_models_are_the_accounts_own(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi")
    rows = (await bridge.client.get("/models")).json()["data"]
    by_id: dict[str, dict[str, Any]] = {row["id"]: row for row in rows}
    assert {"default", "opus", "sonnet", "haiku", "claude-sonnet-5-5"} <= set(by_id)
    assert by_id["sonnet"]["context_length"] >= 200_000
    assert (await bridge.client.get("/models/sonnet")).json()["id"] == "sonnet"
    assert (await bridge.client.get("/models/anthropic/claude-sonnet-5-5")).json()["context_length"] >= 200_000


async def test_the_payer_is_reported(bridge: Bridge) -> None:
    account = (await bridge.client.get("/auth/status")).json()
    assert (account["signed_in"], account["payer"]) == (True, "api key")
    health = await bridge.health()
    assert health["status"] == "ok"
    assert health["account"]["payer"] == "api key"
    assert health["cli"]["version"]


async def test_a_long_system_prompt_and_a_long_history_arrive_whole(bridge: Bridge, standin: Standin) -> None:
    system = "".join(f"Rule {number}: be kind.\n" for number in range(18_000))
    spoken = [f"turn {number}" for number in range(201)]
    reply = await bridge.post({"messages": [{"role": "system", "content": system}, *messages(*spoken)]})
    assert reply.status_code == 200
    body = standin.requests[-1].body
    assert body["system"][-1]["text"] == system  # type: ignore[index]
    assert [text for _, text in conversation_of(body)] == spoken


async def test_a_full_window_is_an_error_and_never_a_summary(bridge: Bridge, standin: Standin) -> None:
    near = Usage(input_tokens=999_000, output_tokens=900)

    def answer(recorded: Recorded) -> Script:
        if len(conversation_of(recorded.body)) > 3:
            return refuse(400, "prompt is too long: 1000100 tokens > 1000000 maximum")
        return say("ok", usage=near)

    standin.script(answer)
    assert (await bridge.chat("one")).json()["usage"]["prompt_tokens"] == 999_005
    assert (await bridge.chat("one", "ok", "two")).status_code == 200
    full = await bridge.chat("one", "ok", "two", "ok", "three")
    assert (full.status_code, full.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert [len(conversation_of(recorded.body)) for recorded in standin.requests] == [1, 3, 5]
