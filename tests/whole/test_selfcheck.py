"""A whole server with a Claude Code that lacks something: right answers or a clear error, from the first request on.

`tests/server/selfcheck/test_probes.py` has a case for each capability.
"""

import asyncio
import json
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from server.claude.cli.locate import bundled_cli
from server.selfcheck.store import STORE_FILE
from server.standin.script import Pause, Script, Usage, say
from server.standin.server import Recorded, Standin, open_standin
from tests.server.selfcheck.wrapper import change, spawns_of, write_wrapper
from tests.whole.account import sign_in
from tests.whole.bridge import CHECK_S, Bridge, conversation_of, messages, open_bridge
from tests.whole.calling import QUESTION, VERDICT, WHOLE_STORY, Forecaster, offered

DESCRIPTION = "The client's description."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": name, "description": DESCRIPTION, "parameters": parameters}}
    for name, parameters in {"get_weather": CITY, "difference": NUMBERS}.items()
]
DEGREES = {"Paris": "21", "Oslo": "9"}
# Tokens, of the model's million: where Claude Code would compact the conversation.
NEARLY_FULL = 970_000
WITHOUT_BUNDLED = "tests.whole.without_bundled"


async def answers_are_right(bridge: Bridge, standin: Standin) -> None:
    """Sends requests that need each capability, some to a reused worker, and asserts on what arrives upstream."""
    standin.requests.clear()
    await asks(bridge, standin, "one", system="Be terse.", stop=["END"], max_completion_tokens=2222)
    again = await asks(bridge, standin, "one", system="Be terse.")
    assert "stop_sequences" not in again
    assert again["max_tokens"] != 2222
    await asks(bridge, standin, "one", "to one", "@/etc/hostname", system="Be terse.")
    await asks(bridge, standin, "/clear", "to that", "two", "to two", "three", model="haiku")
    assert len(standin.requests) == 4
    await calls_are_right(bridge, standin)
    await long_conversations_are_right(bridge, standin)
    standin.requests.clear()
    # The worker kills its process on the stop reason, for which Claude's API leaves a few milliseconds.
    standin.script(lambda _: say("to be", " continued", stop_reason="max_tokens", before_stop=(Pause(10.0),)))
    reply = await bridge.chat("tell me all")
    assert reply.json()["choices"][0] == {
        **reply.json()["choices"][0],
        "finish_reason": "length",
        "message": {**reply.json()["choices"][0]["message"], "content": "to be continued"},
    }
    assert len(standin.requests) == 1


async def calls_are_right(bridge: Bridge, standin: Standin) -> None:
    """Two rounds of tool calls with results, then text: one upstream request each, the tools unchanged."""
    standin.requests.clear()
    forecaster, stories = Forecaster(), [WHOLE_STORY[:length] for length in (1, 6, 8)]

    def answer(recorded: Recorded) -> Script:
        return forecaster(recorded) if forecaster.steps(recorded.body) in stories else say("Unexpected.")

    standin.script(answer)
    history: list[dict[str, Any]] = list(messages(QUESTION))
    for finished in ("tool_calls", "tool_calls", "stop"):
        reply = await bridge.post({"messages": history, "tools": TOOLS})
        assert reply.status_code == 200, reply.text
        (choice,) = reply.json()["choices"]
        assert choice["finish_reason"] == finished
        history.append(choice["message"])
        for made in choice["message"].get("tool_calls", []):
            arguments = json.loads(made["function"]["arguments"])
            result = DEGREES[arguments["city"]] if "city" in arguments else str(arguments["a"] - arguments["b"])
            history.append({"role": "tool", "tool_call_id": made["id"], "content": result})
    assert choice["message"]["content"] == VERDICT
    assert [forecaster.steps(recorded.body) for recorded in standin.requests] == stories
    for recorded in standin.requests:
        tools = {name: (tool["description"], tool["input_schema"]) for name, tool in offered(recorded.body).items()}
        assert tools == {one["function"]["name"]: (DESCRIPTION, one["function"]["parameters"]) for one in TOOLS}


async def long_conversations_are_right(bridge: Bridge, standin: Standin) -> None:
    """A conversation near the end of the window is not compacted."""
    standin.requests.clear()
    standin.script(lambda _: say("Hello", usage=Usage(input_tokens=NEARLY_FULL)))
    texts = ["a tide"]
    for count in (1, 2, 3):
        await asks(bridge, standin, *texts)
        assert len(standin.requests) == count
        texts += ["Hello", f"tide {count}"]


async def asks(bridge: Bridge, standin: Standin, *turns: str, system: str = "", **fields: Any) -> dict[str, Any]:
    before = [{"role": "system", "content": system}] if system else []
    reply = await bridge.post({"messages": [*before, *messages(*turns)], **fields})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = standin.requests[-1].body
    roles = ["assistant" if number % 2 else "user" for number in range(len(turns))]
    assert conversation_of(body) == list(zip(roles, turns, strict=True))
    texts = [block["text"] for block in body["system"]]
    assert texts[-1] == system if system else "Be terse." not in texts
    assert body["tools"] == []
    assert body["model"].startswith("claude-haiku" if fields.get("model") == "haiku" else "claude-sonnet")
    if "stop" in fields:
        assert (body["stop_sequences"], body["max_tokens"]) == (fields["stop"], fields["max_completion_tokens"])
    return body


async def test_the_bundled_claude_code_replaces_an_unfit_one(folder: Path) -> None:
    cli = write_wrapper(folder / "bin", "HISTORY")
    async with open_standin() as standin, open_bridge(standin, folder, "--cli-path", str(cli)) as bridge:
        await answers_are_right(bridge, standin)
        engine = await bridge.until_checked()
        await calls_are_right(bridge, standin)
        assert engine["failed"] == ["history"]
        assert str(bundled_cli()) in engine["words"]
        assert (engine["cli"], engine["isolation"]) == (str(bundled_cli()), "warm")
        assert any("WARNING" in line and str(bundled_cli()) in line for line in bridge.log.splitlines())


async def test_each_conversation_gets_a_process_if_only_reuse_fails_and_nothing_is_bundled(folder: Path) -> None:
    options = ("--cli-path", str(write_wrapper(folder / "bin", "RESET")))
    async with open_standin() as standin, open_bridge(standin, folder, *options, program=WITHOUT_BUNDLED) as bridge:
        await answers_are_right(bridge, standin)
        engine = await bridge.until_checked()
        assert engine["failed"] == ["reset"]
        assert engine["words"]
        assert (engine["cli"], engine["isolation"]) == (None, "process")
        assert any("WARNING" in line and "self-check of Claude Code" in line for line in bridge.log.splitlines())


@pytest.mark.parametrize("broken", ["LIVE", "LIVE, unknown", "LIVE, tools"])
async def test_each_system_prompt_gets_a_process_if_only_changing_it_fails(folder: Path, broken: str) -> None:
    options = ("--cli-path", str(write_wrapper(folder / "bin", broken)))
    async with open_standin() as standin, open_bridge(standin, folder, *options) as bridge:
        engine = await bridge.until_checked()
        await answers_are_right(bridge, standin)
        assert (engine["failed"], engine["cli"], engine["isolation"]) == (["live"], None, "warm")
        assert "Each system prompt" in engine["words"]


async def test_the_users_own_folder_is_used_if_the_sign_in_is_found_nowhere_else(folder: Path) -> None:
    sign_in(folder / "home")
    options = ("--cli-path", str(write_wrapper(folder / "bin", "SIGN_IN")))
    async with open_standin() as standin:
        variables = {"ANTHROPIC_BASE_URL": standin.url}
        async with open_bridge(None, folder, *options, environment=variables, program=WITHOUT_BUNDLED) as bridge:
            engine = await bridge.until_checked()
            assert (engine["failed"], engine["cli"], engine["isolation"]) == (["sign_in"], None, "process")
            assert "the folder of your own Claude Code" in engine["words"]
            for question in ("one", "two"):
                reply = await bridge.chat(question)
                assert reply.status_code == 200, reply.text
                assert standin.requests[-1].headers["authorization"] == "Bearer dummy"
                assert conversation_of(standin.requests[-1].body) == [("user", question)]


async def test_requests_fail_with_503_if_no_claude_code_is_fit(folder: Path) -> None:
    cli = write_wrapper(folder / "bin", "SYSTEM_PROMPT")
    opened = open_bridge(None, folder, "--cli-path", str(cli), program=WITHOUT_BUNDLED)
    async with open_standin() as standin, opened as bridge:
        for _ in range(2):
            reply = await bridge.chat("hi")
            assert reply.status_code == 503
            assert reply.headers["x-should-retry"] == "false"
            error = reply.json()["error"]
            assert error["code"] == "claude_code_unfit"
            assert str(cli) in error["message"]
            assert "--cli-path" in error["message"]
        assert (await bridge.health())["trouble"]
        assert not standin.requests


async def test_a_result_is_stored_and_a_changed_claude_code_is_checked_again(folder: Path) -> None:
    cli = write_wrapper(folder / "bin")
    users = {"AWS_PROFILE": "work", "A_NAME_OF_THE_USERS": "true", "CLAUDE_CODE_OAUTH_TOKEN": "true"}
    async with open_standin() as standin:

        def open_server() -> AbstractAsyncContextManager[Bridge]:
            return open_bridge(standin, folder, "--cli-path", str(cli), environment=users, is_checked=False)

        def checks() -> int:
            """The number of checks, whose processes know another stand-in and nothing of the user's environment.

            An inconclusive check on a busy computer is repeated and does not count.
            """
            spawned = [row["environment"] for row in spawns_of(cli)]
            checking = [row for row in spawned if row["ANTHROPIC_BASE_URL"] != standin.url]
            assert not any(name in row for row in checking for name in users)
            assert len(checking) < len(spawned)
            logs = "".join(path.read_text() for path in (folder / "logs").glob("*.log*"))
            runs = logs.split("checking Claude Code")[1:]
            return sum("the self-check could not be done" not in rest for rest in runs)

        async with open_server() as bridge:
            assert (await bridge.until_checked())["isolation"] == "warm"
            assert checks() == 1
        async with open_server() as bridge:
            assert (await bridge.health())["engine"]["isolation"] == "warm"
            await bridge.chat("one")
            reply = await bridge.chat("one", "Hello from the stand-in.", "two")
            assert reply.headers["x-drawbridge-way"] == "continued"
            assert checks() == 1
            # It updates itself, and the next process runs the new version.
            change(cli)
            async with asyncio.timeout(60):
                while checks() == 1:
                    # White space at the end needs a process of its own.
                    await bridge.post({"messages": [{"role": "system", "content": f"{time.time()} "}, *messages("hi")]})
            assert (await bridge.until_checked())["isolation"] == "warm"
        (folder / "data" / STORE_FILE).write_text("{")
        async with open_server() as bridge:
            assert (await bridge.until_checked())["isolation"] == "warm"
            assert checks() == 3
        async with open_server() as bridge:
            assert (await bridge.health())["engine"]["isolation"] == "warm"
        assert checks() == 3


async def test_a_pool_of_one_has_no_second_process_for_the_check(folder: Path) -> None:
    cli = write_wrapper(folder / "bin")
    options = ("--cli-path", str(cli), "--pool-size", "1")
    async with open_standin() as standin, open_bridge(standin, folder, *options, is_checked=False) as bridge:
        most = 0
        async with asyncio.timeout(CHECK_S):
            while not (await bridge.health())["engine"]["checked"]:
                most = max(most, len(bridge.workers()))
        assert most == 1
        assert (await bridge.chat("hi")).status_code == 200
