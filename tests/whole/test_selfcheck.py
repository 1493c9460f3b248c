"""Whatever a Claude Code lacks, its user gets right answers or a clear refusal, from the first request on."""

import asyncio
import json
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from server.claude.cli.locate import bundled_cli
from server.selfcheck.capabilities import FOR_EVERY_ANSWER, Capability
from server.selfcheck.store import STORE_FILE
from server.standin.script import Pause, Script, Usage, say
from server.standin.server import Recorded, Standin, open_standin
from tests.server.selfcheck.wrapper import BREAKS, change, spawns_of, write_wrapper
from tests.whole.account import sign_in
from tests.whole.bridge import CHECK_S, Bridge, conversation_of, messages, open_bridge
from tests.whole.calling import QUESTION, VERDICT, WHOLE_STORY, Forecaster, offered

UNFIT = [capability.name for capability in Capability if capability in FOR_EVERY_ANSWER]
WORDS = "What the client says of it."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": name, "description": WORDS, "parameters": parameters}}
    for name, parameters in {"get_weather": CITY, "difference": NUMBERS}.items()
]
DEGREES = {"Paris": "21", "Oslo": "9"}
# Tokens, of the model's million: where Claude Code would shorten a conversation.
NEARLY_FULL = 970_000
# Who lacks these asks Claude for more by itself, and is killed for it: on a busy machine some of that gets away.
TALKATIVE = frozenset({"ONE_CALL", "CALLS"})
WITHOUT_CARRIED = "tests.whole.without_carried"


async def answers_are_right(bridge: Bridge, standin: Standin, *, asks_once: bool = True) -> None:
    """Asks what needs each capability, some of it on a worker that has answered before; asserts on what arrives.

    `asks_once` False: Claude may be asked for more behind a limit or a call, which nobody hears of.
    """
    standin.requests.clear()
    await asks(bridge, standin, "one", system="Be terse.", stop=["END"], max_completion_tokens=2222)
    again = await asks(bridge, standin, "one", system="Be terse.")
    assert "stop_sequences" not in again
    assert again["max_tokens"] != 2222
    await asks(bridge, standin, "one", "to one", "@/etc/hostname", system="Be terse.")
    await asks(bridge, standin, "/clear", "to that", "two", "to two", "three", model="haiku")
    assert len(standin.requests) == 4
    await calls_are_right(bridge, standin, asks_once=asks_once)
    await long_conversations_are_right(bridge, standin)
    standin.requests.clear()
    # Its process is killed at the word of the limit, which Claude's API leaves a few milliseconds for.
    before_stop = (Pause(10.0),) if asks_once else ()
    standin.script(lambda _: say("to be", " continued", stop_reason="max_tokens", before_stop=before_stop))
    reply = await bridge.chat("tell me all")
    assert reply.json()["choices"][0] == {
        **reply.json()["choices"][0],
        "finish_reason": "length",
        "message": {**reply.json()["choices"][0]["message"], "content": "to be continued"},
    }
    assert len(standin.requests) == 1 or not asks_once


async def calls_are_right(bridge: Bridge, standin: Standin, *, asks_once: bool) -> None:
    """Two rounds of calls with their results, then words: each asked for once, with the client's tools as they are."""
    standin.requests.clear()
    forecaster, stories = Forecaster(), [WHOLE_STORY[:length] for length in (1, 6, 8)]

    def told(recorded: Recorded) -> Script:
        return forecaster(recorded) if forecaster.steps(recorded.body) in stories else say("Nobody hears of this.")

    standin.script(told)
    said: list[dict[str, Any]] = list(messages(QUESTION))
    for finished in ("tool_calls", "tool_calls", "stop"):
        reply = await bridge.post({"messages": said, "tools": TOOLS})
        assert reply.status_code == 200, reply.text
        (choice,) = reply.json()["choices"]
        assert choice["finish_reason"] == finished
        said.append(choice["message"])
        for made in choice["message"].get("tool_calls", []):
            arguments = json.loads(made["function"]["arguments"])
            result = DEGREES[arguments["city"]] if "city" in arguments else str(arguments["a"] - arguments["b"])
            said.append({"role": "tool", "tool_call_id": made["id"], "content": result})
    assert choice["message"]["content"] == VERDICT
    found = [forecaster.steps(recorded.body) for recorded in standin.requests]
    assert all(story in found for story in stories)
    assert found == stories or not asks_once
    for recorded in standin.requests:
        tools = {name: (tool["description"], tool["input_schema"]) for name, tool in offered(recorded.body).items()}
        assert tools == {one["function"]["name"]: (WORDS, one["function"]["parameters"]) for one in TOOLS}


async def long_conversations_are_right(bridge: Bridge, standin: Standin) -> None:
    """Near the end of the window nothing is shortened."""
    standin.requests.clear()
    standin.script(lambda _: say("Hello", usage=Usage(input_tokens=NEARLY_FULL)))
    said = ["a tide"]
    for count in (1, 2, 3):
        await asks(bridge, standin, *said)
        assert len(standin.requests) == count
        said += ["Hello", f"tide {count}"]


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


@pytest.mark.parametrize("broken", BREAKS)
async def test_answers_are_right_whatever_is_broken(broken: str, folder: Path) -> None:
    """Whatever it is, the one that we carry answers instead, and its processes go on."""
    cli = write_wrapper(folder / "bin", broken)
    async with open_standin() as standin, open_bridge(standin, folder, "--cli-path", str(cli)) as bridge:
        # Until it is checked, the one at hand answers.
        await answers_are_right(bridge, standin, asks_once=broken not in TALKATIVE)
        engine = await bridge.until_checked()
        await calls_are_right(bridge, standin, asks_once=True)
        assert broken.lower() in engine["failed"]
        assert str(bundled_cli()) in engine["words"]
        assert (engine["cli"], engine["isolation"]) == (str(bundled_cli()), "warm")
        assert any("WARNING" in line and str(bundled_cli()) in line for line in bridge.log.splitlines())


@pytest.mark.parametrize("broken", [name for name in BREAKS if name not in UNFIT])
async def test_answers_are_right_where_there_is_no_other_to_use(broken: str, folder: Path) -> None:
    """What only warm processes need: a process for each conversation answers."""
    cli = write_wrapper(folder / "bin", broken)
    async with open_standin() as standin:
        opened = open_bridge(standin, folder, "--cli-path", str(cli), program=WITHOUT_CARRIED)
        async with opened as bridge:
            await answers_are_right(bridge, standin, asks_once=broken not in TALKATIVE)
            engine = await bridge.until_checked()
            assert broken.lower() in engine["failed"]
            assert engine["words"]
            assert (engine["cli"], engine["isolation"]) == (None, "process")
            assert any("WARNING" in line and "self-check of Claude Code" in line for line in bridge.log.splitlines())


async def test_who_finds_the_sign_in_in_the_users_folder_alone_gets_that(folder: Path) -> None:
    sign_in(folder / "home")
    options = ("--cli-path", str(write_wrapper(folder / "bin", "SIGN_IN")))
    async with open_standin() as standin:
        variables = {"ANTHROPIC_BASE_URL": standin.url}
        async with open_bridge(None, folder, *options, environment=variables, program=WITHOUT_CARRIED) as bridge:
            engine = await bridge.until_checked()
            assert (engine["failed"], engine["cli"], engine["isolation"]) == (["sign_in"], None, "process")
            assert "the folder of your own Claude Code" in engine["words"]
            for question in ("one", "two"):
                reply = await bridge.chat(question)
                assert reply.status_code == 200, reply.text
                assert standin.requests[-1].headers["authorization"] == "Bearer dummy"
                assert conversation_of(standin.requests[-1].body) == [("user", question)]


@pytest.mark.parametrize("broken", ["SYSTEM_PROMPT", "SETTINGS"])
async def test_where_nothing_can_be_right_each_request_is_told_so(broken: str, folder: Path) -> None:
    cli = write_wrapper(folder / "bin", broken)
    opened = open_bridge(None, folder, "--cli-path", str(cli), program=WITHOUT_CARRIED)
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


async def test_a_verdict_is_kept_and_a_changed_claude_code_is_checked_anew(folder: Path) -> None:
    cli = write_wrapper(folder / "bin")
    users = {"AWS_PROFILE": "work", "A_NAME_OF_THE_USERS": "true", "CLAUDE_CODE_OAUTH_TOKEN": "true"}
    async with open_standin() as standin:

        def open_server() -> AbstractAsyncContextManager[Bridge]:
            return open_bridge(standin, folder, "--cli-path", str(cli), environment=users, is_checked=False)

        def checks() -> int:
            """How often it was checked, by processes that knew another stand-in and nothing of the user's.

            A check that a busy computer does not let come to an end says so, is tried again, and does not count.
            """
            spawned = [row["environment"] for row in spawns_of(cli)]
            found = [row for row in spawned if row["ANTHROPIC_BASE_URL"] != standin.url]
            assert not any(name in row for row in found for name in users)
            assert len(found) < len(spawned)
            logs = "".join(path.read_text() for path in (folder / "logs").glob("*.log*"))
            begun = logs.split("checking Claude Code")[1:]
            return sum("the self-check could not be done" not in what_followed for what_followed in begun)

        async with open_server() as bridge:
            assert (await bridge.until_checked())["isolation"] == "warm"
            assert checks() == 1
        async with open_server() as bridge:
            assert (await bridge.health())["engine"]["isolation"] == "warm"
            await bridge.chat("one")
            reply = await bridge.chat("one", "Hello from the stand-in.", "two")
            assert reply.headers["x-drawbridge-way"] == "continued"
            assert checks() == 1
            # It updates itself, and the next process that starts is of the new one.
            change(cli)
            async with asyncio.timeout(30):
                while checks() == 1:
                    await bridge.post({"messages": [{"role": "system", "content": f"{time.time()}"}, *messages("hi")]})
            assert (await bridge.until_checked())["isolation"] == "warm"
        (folder / "data" / STORE_FILE).write_text("{")
        async with open_server() as bridge:
            assert (await bridge.until_checked())["isolation"] == "warm"
            assert checks() == 3
        async with open_server() as bridge:
            assert (await bridge.health())["engine"]["isolation"] == "warm"
        assert checks() == 3


@pytest.mark.timeout(300)
async def test_a_pool_of_one_never_has_two_processes_for_the_check(folder: Path) -> None:
    cli = write_wrapper(folder / "bin")
    options = ("--cli-path", str(cli), "--pool-size", "1")
    async with open_standin() as standin, open_bridge(standin, folder, *options, is_checked=False) as bridge:
        most = 0
        async with asyncio.timeout(CHECK_S):
            while not (await bridge.health())["engine"]["checked"]:
                most = max(most, len(bridge.workers()))
        assert most == 1
        assert (await bridge.chat("hi")).status_code == 200
