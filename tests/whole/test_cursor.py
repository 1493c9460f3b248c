"""What Cursor needs, through the real Claude Code: names of its picker, its Verify prompt, three forms of a body."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Reply, Script, Text, call, say
from server.standin.server import Recorded, Standin, open_standin
from tests.server.answering.test_canned_replies import AZURE, DIAGNOSTIC, VERIFY
from tests.server.web.cursor_bodies import (
    CHAT,
    CHAT_HISTORY,
    GRAMMAR,
    MESSAGES,
    MESSAGES_HISTORY,
    PARAMETERS,
    PATCH,
    QUESTION,
    RESPONSES,
    RESPONSES_HISTORY,
    SYSTEM,
)
from tests.whole.bridge import Bridge, data_of, open_bridge, text_of
from tests.whole.calling import blocks_of, offered, spoken

# One server for all tests that need no server of their own.
pytestmark = pytest.mark.asyncio(loop_scope="module")


def effort_of(recorded: Recorded) -> object:
    """The effort that arrived upstream."""
    config = recorded.body.get("output_config")
    assert isinstance(config, dict)
    return config.get("effort")


async def test_a_name_of_the_picker_is_a_model_and_an_effort_for_that_request_alone(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        listed = [row["id"] for row in (await bridge.client.get("/models")).json()["data"]]
        assert {"cc:opus", "cc:sonnet", "cc:haiku"} <= set(listed)
        names = ["cc:opus-low", "cc:opus", "claude-5.5-opus-high-thinking", "cc:opus"]
        replies = [await bridge.chat("hi", model=name) for name in names]
        assert [reply.json()["model"] for reply in replies] == names
        assert [recorded.body["model"] for recorded in standin.requests] == ["claude-opus-5-5"] * 4
        low, before, high, after = map(effort_of, standin.requests)
        assert (low, high) == ("low", "high")
        assert before == after
        said = await bridge.chat("hi", model="cc:opus-high", reasoning_effort="low")
        assert said.status_code == 200
        assert effort_of(standin.requests[-1]) == "low"


async def test_the_verify_prompt_is_answered_at_once_whatever_the_model_and_without_claude(folder: Path) -> None:
    """Cursor requests a model that it knows, and reports any status but 200 as a bad key or address."""
    headers = {"origin": "vscode-file://vscode-app", "authorization": "Bearer any"}
    # Neither a Claude Code nor an account: `open_bridge` without a stand-in, and a path where nothing is.
    environment = {"DRAWBRIDGE_STRICT_MODELS": "yes", "CLAUDE_CLI_PATH": str(folder / "no-such-claude")}
    async with open_bridge(None, folder, environment=environment, is_checked=False) as bridge:
        for body in (VERIFY, AZURE, DIAGNOSTIC):
            whole = await bridge.post(body, headers=headers)
            assert whole.status_code == 200, whole.text
            assert whole.headers["x-drawbridge-way"] == "local"
            assert whole.json()["model"] == body["model"]
            assert whole.json()["choices"][0]["finish_reason"] == "stop"
            assert whole.json()["choices"][0]["message"]["content"]
            streamed = await bridge.post({**body, "stream": True}, headers=headers)
            assert streamed.text.endswith("data: [DONE]\n\n")
            assert text_of(streamed.text.splitlines()) == whole.json()["choices"][0]["message"]["content"]
        other = await bridge.post({**VERIFY, "max_tokens": 11, "model": "sonnet"})
        assert other.status_code == 503


async def test_the_verify_prompt_needs_the_key_if_one_is_required(folder: Path) -> None:
    environment = {"DRAWBRIDGE_API_KEY": "the-key-of-the-test"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        assert (await bridge.post(VERIFY)).status_code == 401
        for headers in ({"authorization": "Bearer the-key-of-the-test"}, {"api-key": "the-key-of-the-test"}):
            assert (await bridge.post(VERIFY, headers=headers)).status_code == 200
        assert standin.requests == []


async def test_through_a_tunnel_of_ones_own_the_key_opens_and_nothing_else(folder: Path) -> None:
    """Cursor's servers come with the tunnel's name and the headers of its proxy."""
    options = ("--host", "0.0.0.0", "--allowed-hosts", "bridge.example.org")
    environment = {"DRAWBRIDGE_API_KEY": "the-key-of-the-test"}
    tunnel = {
        "host": "bridge.example.org",
        "cf-connecting-ip": "203.0.113.7",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-proto": "https",
    }
    async with open_standin() as standin, open_bridge(standin, folder, *options, environment=environment) as bridge:
        assert (await bridge.post(CHAT, headers=tunnel)).status_code == 401
        key = {"authorization": "Bearer the-key-of-the-test"}
        assert (await bridge.post(CHAT, headers={**tunnel, **key})).status_code == 200
        other = {**tunnel, **key, "host": "other.example.org"}
        assert (await bridge.post(CHAT, headers=other)).status_code == 403
        assert len(standin.requests) == 1


Body = dict[str, Any]
Call = dict[str, Any]


def after_chat(calls: list[Call], results: list[str]) -> Body:
    """Returns the chat body that Cursor sends after Claude's calls."""
    numbered = [{"index": number, **one} for number, one in enumerate(calls)]
    said: Body = {"role": "assistant", "content": "Let me see.", "tool_calls": numbered}
    answers: list[Body] = [
        {"role": "tool", "tool_call_id": one["id"], "name": one["function"]["name"], "content": result}
        for one, result in zip(calls, results, strict=True)
    ]
    return {**CHAT, "messages": [*CHAT["messages"], said, *answers]}


def after_responses(calls: list[Call], results: list[str]) -> Body:
    """The same in the form of the Responses API: the patch as a call of raw text."""
    items: list[Body] = [{"role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]}]
    for one in calls:
        name, arguments = one["function"]["name"], one["function"]["arguments"]
        if name == "ApplyPatch":
            items.append({"type": "custom_tool_call", "call_id": one["id"], "name": name, "input": arguments})
        else:
            items.append({"type": "function_call", "call_id": one["id"], "name": name, "arguments": arguments})
    for one, result in zip(calls, results, strict=True):
        kind = "custom_tool_call_output" if one["function"]["name"] == "ApplyPatch" else "function_call_output"
        items.append({"type": kind, "call_id": one["id"], "output": result})
    return {**RESPONSES, "input": [*RESPONSES["input"], *items]}


def after_messages(calls: list[Call], results: list[str]) -> Body:
    """The same in the form of the Messages API."""
    said: list[Body] = [{"type": "text", "text": "Let me see."}]
    for one in calls:
        name, arguments = one["function"]["name"], one["function"]["arguments"]
        given = {"input": arguments} if name == "ApplyPatch" else json.loads(arguments)
        said.append({"type": "tool_use", "id": one["id"], "name": name, "input": given})
    answers = [
        {"type": "tool_result", "tool_use_id": one["id"], "content": result}
        for one, result in zip(calls, results, strict=True)
    ]
    turns = [{"role": "assistant", "content": said}, {"role": "user", "content": answers}]
    return {**MESSAGES, "messages": [*MESSAGES["messages"], *turns]}


DIALECTS: dict[str, tuple[Body, Body, Callable[[list[Call], list[str]], Body]]] = {
    "chat": (CHAT, {**CHAT, "messages": CHAT_HISTORY}, after_chat),
    "responses": (RESPONSES, {**RESPONSES, "input": RESPONSES_HISTORY}, after_responses),
    "messages": (MESSAGES, {**MESSAGES, "messages": MESSAGES_HISTORY}, after_messages),
}


def steps_of(recorded: Recorded) -> list[tuple[object, ...]]:
    """What arrived upstream, part by part, without the engine's own note; each result with what it is a result of."""
    steps: list[tuple[object, ...]] = []
    calls: dict[str, str] = {}
    for message in spoken(recorded.body):
        for block in blocks_of(message["content"]):
            match block["type"]:
                case "tool_use":
                    assert re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"])
                    assert block["id"] not in calls, "an id came twice"
                    calls[block["id"]] = block["name"]
                    steps.append(("call", block["name"], block["input"]))
                case "tool_result":
                    text = "".join(part["text"] for part in blocks_of(block.get("content")))
                    steps.append(("result", calls[block["tool_use_id"]], text))
                case _ if not block["text"].startswith("<system-reminder>\n"):
                    steps.append((message["role"], block["text"]))
    return steps


async def chunks_of(bridge: Bridge, body: Body) -> tuple[list[dict[str, Any]], str]:
    """The chunks of a streamed answer, and how its process was found."""
    reply = await bridge.post(body)
    assert reply.status_code == 200, reply.text
    assert reply.text.endswith("data: [DONE]\n\n")
    chunks = data_of(reply.text.splitlines())
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in chunks} == {body["model"]}
    # The last one holds the usage, which Cursor shows.
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] >= 0
    return chunks, reply.headers["x-drawbridge-way"]


def calls_of(chunks: list[dict[str, Any]]) -> list[Call]:
    """The calls, put together from their deltas as clients do."""
    calls: list[Call] = []
    for delta in (chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]):
        for piece in delta.get("tool_calls") or []:
            if piece["index"] == len(calls):
                assert piece["type"] == "function"
                calls.append({name: piece[name] for name in ("id", "type", "function")})
            else:
                calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    return calls


STORY = [
    ("user", QUESTION),
    ("call", "ReadFile", {"path": "x.py"}),
    ("call", "ApplyPatch", {"input": PATCH}),
    ("result", "ReadFile", "a = 1\n"),
    ("result", "ApplyPatch", "Done!"),
    ("assistant", "Is that all?"),
    ("call", "AskUserQuestion", {"path": "-"}),
    ("call", "ReadFile", {"path": "y.py"}),
    ("result", "AskUserQuestion", "Yes"),
    ("result", "ReadFile", ""),
    ("user", "Thanks. And now?"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_history_in_each_dialect_is_the_same_conversation_upstream(
    bridge: Bridge, standin: Standin, dialect: str
) -> None:
    """Ids that Claude's API does not take, and that come twice, and results out of order, among them."""
    _, history, _ = DIALECTS[dialect]
    chunks, _ = await chunks_of(bridge, history)
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    recorded = standin.requests[-1]
    assert steps_of(recorded) == STORY
    tools = offered(recorded.body)
    assert list(tools) == ["ReadFile", "AskUserQuestion", "ApplyPatch"]
    assert tools["ReadFile"]["input_schema"] == PARAMETERS
    assert GRAMMAR in tools["ApplyPatch"]["input_schema"]["properties"]["input"]["description"]
    assert SYSTEM in json.dumps(recorded.body["system"], ensure_ascii=False).replace("\\n", "\n")


def patching(recorded: Recorded) -> Script:
    """Two calls at once, then text."""
    if any(step[0] == "result" for step in steps_of(recorded)):
        return say("It is ", "done.")
    wanted = (call("ReadFile", {"path": "x.py"}), call("ApplyPatch", {"input": PATCH}))
    return Reply((Text(("Let me", " see.")), *wanted), stop_reason="tool_use")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_round_of_tools_in_each_dialect_continues_on_the_parked_worker(
    bridge: Bridge, standin: Standin, dialect: str
) -> None:
    """The patch comes as the arguments of a function and is raw text, not JSON."""
    first, _, after = DIALECTS[dialect]
    standin.script(patching)
    chunks, _ = await chunks_of(bridge, first)
    calls = calls_of(chunks)
    assert [one["function"]["name"] for one in calls] == ["ReadFile", "ApplyPatch"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"path": "x.py"}
    assert calls[1]["function"]["arguments"] == PATCH
    assert next(chunk["choices"][0]["finish_reason"] for chunk in reversed(chunks) if chunk["choices"]) == "tool_calls"
    chunks, way = await chunks_of(bridge, after(calls, ["a = 1\n", "Done!"]))
    assert way == "continued"
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"]) == (
        "It is done."
    )
    assert steps_of(standin.requests[-1]) == [
        ("user", QUESTION),
        ("assistant", "Let me see."),
        ("call", "ReadFile", {"path": "x.py"}),
        ("call", "ApplyPatch", {"input": PATCH}),
        ("result", "ReadFile", "a = 1\n"),
        ("result", "ApplyPatch", "Done!"),
    ]


async def test_what_has_no_effect_in_another_dialect_is_named_and_what_is_wrong_has_its_place(bridge: Bridge) -> None:
    reply = await bridge.post({**RESPONSES, "stream": False})
    assert "tools[3] (web_search)" in reply.headers["x-drawbridge-ignored"]
    assert reply.json()["object"] == "chat.completion"
    wrong = await bridge.post({**RESPONSES, "input": [{"role": "user", "content": [{"type": "input_audio"}]}]})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "input[0].content[0].type")
    lost = await bridge.post({"model": "gpt-5", "input": "And now?", "previous_response_id": "resp_1"})
    assert (lost.status_code, lost.json()["error"]["param"]) == (400, "previous_response_id")
    unpaired = {**MESSAGES, "messages": MESSAGES_HISTORY[:2] + MESSAGES_HISTORY[:1], "stream": False}
    assert "no result for call_patch" in (await bridge.post(unpaired)).headers["x-drawbridge-ignored"]


async def test_the_effort_of_the_pickers_name_reaches_claude_in_its_own_dialect(
    bridge: Bridge, standin: Standin
) -> None:
    await chunks_of(bridge, MESSAGES)
    assert (standin.requests[-1].body["model"], effort_of(standin.requests[-1])) == ("claude-opus-4-6", "high")
    await chunks_of(bridge, RESPONSES)
    # What the request says itself counts before the suffix of its model's name.
    assert effort_of(standin.requests[-1]) == "medium"
