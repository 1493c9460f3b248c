"""The client's own tools and Claude Code's in one request: each side runs its own."""

import json
import sys
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageParam

from server.agents.tools.client_tools import offered_names
from server.conversation.request import Tool
from server.standin.script import Reply, Text, ToolUse, Usage, call
from tests.server.agents.scene import Agency, acts, agents_here, marked, run, says, words

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are not those of this test"),
]


def tool(name: str, description: str = "A tool of the client.", **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties or {"text": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


async def ask(agency: Agency, messages: list[Any], *tools: dict[str, Any], **fields: Any) -> Any:
    offered: list[Any] = list(tools)
    reply = await agency.openai.chat.completions.create(model="sonnet@demo", messages=messages, tools=offered, **fields)
    return reply.choices[0]


def with_results(messages: list[Any], choice: Any, *results: str) -> list[ChatCompletionMessageParam]:
    calls = choice.message.tool_calls
    told = [{"role": "tool", "tool_call_id": one.id, "content": text} for one, text in zip(calls, results, strict=True)]
    return [*messages, choice.message.model_dump(exclude_none=True), *told]


async def test_both_kinds_of_tools_work_in_one_conversation(agency: Agency) -> None:
    notes = str(agency.folder / "notes.txt")
    agency.standin.script(
        acts(Text(("I look.",)), call("Read", {"file_path": notes})),
        Reply(
            (call("Grep", {"pattern": "beta"}), call("show", {"text": "alpha"}, id="toolu_show")),
            stop_reason="tool_use",
            usage=Usage(input_tokens=10, output_tokens=5),
        ),
        acts(call("Glob", {"pattern": "*.txt"})),
        says("Shown."),
    )
    asked: list[Any] = [{"role": "user", "content": "Show it."}]
    choice = await ask(agency, asked, tool("show"))
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "I look."
    (only,) = choice.message.tool_calls
    assert (only.id, only.function.name, json.loads(only.function.arguments)) == (
        "toolu_show",
        "show",
        {"text": "alpha"},
    )
    assert sorted(one["name"] for one in agency.upstream()[0]["tools"]) == ["Glob", "Grep", "Read", "show"]
    last = await ask(agency, with_results(asked, choice, "It is on the screen."), tool("show"))
    assert (last.finish_reason, last.message.content) == ("stop", "Shown.")
    # What the client itself has done is no news to it.
    assert "on the screen" not in last.message.reasoning_content
    # The same process: Claude still has what its own tools have read.
    results = [words(one) for one in agency.results()]
    assert "alpha" in results[0]
    assert "notes.txt" in results[1]
    assert results[2] == "It is on the screen."
    assert "notes.txt" in results[3]
    assert len(agency.standin.requests) == 4
    await agency.at_rest()
    assert not agents_here(agency)


async def test_a_clients_tool_never_passes_for_one_of_claude_codes(agency: Agency) -> None:
    agency.standin.script(acts(call("client_Bash", {"text": "ls"}), call("client_wait", {"text": "x"})), says("Ok."))
    asked: list[Any] = [{"role": "user", "content": "Run."}]
    choice = await ask(agency, asked, tool("Bash"), tool("client_wait"))
    assert [one.function.name for one in choice.message.tool_calls] == ["Bash", "client_wait"]
    names = [one["name"] for one in agency.upstream()[0]["tools"]]
    assert "Bash" not in names
    assert {"client_Bash", "client_wait"} <= set(names)
    last = await ask(agency, with_results(asked, choice, "a", "b"), tool("Bash"), tool("client_wait"))
    assert last.message.content == "Ok."
    assert [words(one) for one in agency.results()] == ["a", "b"]


async def test_definitions_arrive_whole(agency: Agency) -> None:
    """Schemas as they are, and a description that Claude Code would cut in the system prompt."""
    long = "word " * 2000
    schema = {"text": {"type": "string", "enum": ["a", "b"]}, "count": {"type": ["integer", "null"], "minimum": 1}}
    agency.standin.script(says("Ok."))
    await ask(agency, [{"role": "user", "content": "Hi"}], tool("odd.name 漢", long, **schema), tool("show", "Short."))
    body = agency.upstream()[0]
    by_name = {one["name"]: one for one in body["tools"]}
    odd = next(one for name, one in by_name.items() if name.startswith("odd_name"))
    assert odd["input_schema"]["properties"] == schema
    assert odd["description"].startswith("word word")
    assert f"# The tool {odd['name']}\n\n{long}".strip() in body["system"][-1]["text"]
    assert by_name["show"]["description"] == "Short."


async def test_claude_codes_calls_before_the_clients_are_done_and_later_ones_follow(agency: Agency) -> None:
    agency.become(permission="edit")
    one, two = str(agency.folder / "one.txt"), str(agency.folder / "two.txt")
    agency.standin.script(
        acts(
            call("Write", {"file_path": one, "content": "1"}),
            call("show", {"text": "a"}),
            call("Write", {"file_path": two, "content": "2"}),
            call("show", {"text": "b"}),
        ),
        says("All done."),
    )
    asked: list[Any] = [{"role": "user", "content": "Go."}]
    choice = await ask(agency, asked, tool("show"))
    assert len(choice.message.tool_calls) == 2
    assert (agency.folder / "one.txt").read_text() == "1"
    last = await ask(agency, with_results(asked, choice, "seen a", "seen b"), tool("show"))
    assert last.message.content == "All done."
    assert (agency.folder / "two.txt").read_text() == "2"
    assert [words(result) for result in agency.results()][1::2] == ["seen a", "seen b"]


async def test_text_beside_the_results_errors_and_pictures_reach_claude(agency: Agency) -> None:
    agency.standin.script(acts(call("show", {"text": "a"}), call("show", {"text": "b"})), says("Ok."))
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    async with agency.plain_client() as client:
        asked: list[Any] = [{"role": "user", "content": "Go."}]
        shows = {"name": "show", "description": "Shows.", "input_schema": {"type": "object"}}
        first: dict[str, Any] = {"model": "sonnet@demo", "max_tokens": 500, "messages": asked, "tools": [shows]}
        answer = (await client.post("/v1/messages", json=first)).json()
        assert answer["stop_reason"] == "tool_use"
        one, two = (block["id"] for block in answer["content"] if block["type"] == "tool_use")
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}}
        told = [
            {"type": "tool_result", "tool_use_id": one, "is_error": True, "content": "broken"},
            {"type": "tool_result", "tool_use_id": two, "content": [picture]},
            {"type": "text", "text": "And hurry."},
        ]
        messages = [*first["messages"], {"role": "assistant", "content": answer["content"]}]
        last = await client.post(
            "/v1/messages", json={**first, "messages": [*messages, {"role": "user", "content": told}]}
        )
    assert last.json()["content"][-1]["text"] == "Ok.", last.text
    broken, shown = agency.results()
    assert (broken["is_error"], words(broken)) == (True, "broken")
    assert shown["content"][0] == picture
    assert shown["content"][1]["text"] == "And hurry."
    assert len(agency.standin.requests) == 2


async def test_results_arrive_also_when_the_process_is_gone(agency: Agency) -> None:
    agency.standin.script(acts(call("show", {"text": "a"}, id="toolu_lost")), says("Ok."))
    asked: list[Any] = [{"role": "user", "content": "Go."}]
    choice = await ask(agency, asked, tool("show"))
    agency.engine.agents.release()
    last = await ask(agency, with_results(asked, choice, "seen"), tool("show"))
    assert last.message.content == "Ok."
    (result,) = agency.results()
    assert (result["tool_use_id"], words(result)) == ("toolu_lost", "seen")


PROGRAM = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    method, number = asked.get("method"), asked.get("id")
    if method == "initialize":
        answer = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}}}
        answer["serverInfo"] = {"name": "docs", "version": "1"}
    elif method == "tools/list":
        schema = {"type": "object", "properties": {"q": {"type": "string"}}}
        answer = {"tools": [{"name": "find", "description": "Finds.", "inputSchema": schema}]}
    elif method == "tools/call":
        secrets = [name for name in ("ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR") if os.environ.get(name)]
        text = f"found {asked['params']['arguments']['q']} {secrets} {os.environ.get('OWN')}"
        answer = {"content": [{"type": "text", "text": text}]}
    else:
        answer = {}
    if number is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": answer}), flush=True)
"""


@pytest.mark.parametrize("permission", ["read-only", "edit"])
async def test_a_projects_mcp_servers_work_there_and_only_there(agency: Agency, permission: str) -> None:
    program = agency.outside / "docs.py"
    program.write_text(PROGRAM)
    server = {"command": sys.executable, "args": [str(program)], "env": {"OWN": "kept"}}
    agency.become(permission=permission, mcp_servers=json.dumps({"docs": server}))
    agency.standin.script(acts(call("mcp__docs__find", {"q": "x"}), call("show", {"text": "a"})), says("Ok."))
    asked: list[Any] = [{"role": "user", "content": "Go."}]
    choice = await ask(agency, asked, tool("show"))
    last = await ask(agency, with_results(asked, choice, "seen"), tool("show"))
    assert last.message.content == "Ok."
    # Its program does not get what leads to an account.
    assert [words(one) for one in agency.results()] == ["found x [] kept", "seen"]
    assert agency.person.questions == []
    agency.become(mcp_servers="")
    await agency.does(call("mcp__docs__find", {"q": "x"}))
    assert "mcp__docs__find" not in [one["name"] for one in agency.upstream()[-1]["tools"]]
    assert agency.results()[0]["is_error"]
    await agency.at_rest()
    assert not marked(str(program))


async def test_a_call_that_claude_code_refuses_is_no_call_for_the_client(agency: Agency) -> None:
    broken = ToolUse("show", ('{"text": ',))
    agency.standin.script(acts(broken), acts(call("show", {"text": "a"})), says("Ok."))
    choice = await ask(agency, [{"role": "user", "content": "Go."}], tool("show"))
    assert [json.loads(one.function.arguments) for one in choice.message.tool_calls] == [{"text": "a"}]
    assert agency.results()[0]["is_error"]


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "Bash"}}, {"type": "tool", "name": "client_Bash"}),
        ("auto", None),
    ],
    ids=["required", "a tool", "auto"],
)
async def test_the_choice_of_tools_arrives(agency: Agency, wanted: Any, sent: Any) -> None:
    agency.standin.script(acts(call("client_Bash", {"text": "a"})))
    choice = await ask(agency, [{"role": "user", "content": "Go."}], tool("Bash"), tool_choice=wanted)
    assert choice.finish_reason == "tool_calls"
    assert agency.upstream()[0].get("tool_choice") == sent


async def test_no_choice_leaves_only_claude_codes_tools(agency: Agency) -> None:
    agency.standin.script(says("Ok."))
    await ask(agency, [{"role": "user", "content": "Go."}], tool("show"), tool_choice="none")
    assert sorted(one["name"] for one in agency.upstream()[0]["tools"]) == ["Glob", "Grep", "Read"]


async def test_usage_and_streams_of_the_two_halves(agency: Agency) -> None:
    half = Usage(input_tokens=10, output_tokens=5)
    agency.standin.script(
        Reply((call("Glob", {"pattern": "*"}),), stop_reason="tool_use", usage=half),
        Reply((call("show", {"text": "a"}),), stop_reason="tool_use", usage=half),
        Reply((Text(("Ok.",)),), usage=half),
    )
    asked: list[Any] = [{"role": "user", "content": "Go."}]
    tools: list[Any] = [tool("show")]
    stream = await agency.openai.chat.completions.create(
        model="sonnet@demo", messages=asked, tools=tools, stream=True, stream_options={"include_usage": True}
    )
    calls: list[Any] = []
    reasons, used = [], []
    async for chunk in stream:
        used += [chunk.usage] if chunk.usage else []
        for one in chunk.choices:
            calls += one.delta.tool_calls or []
            reasons += [one.finish_reason] if one.finish_reason else []
    arguments = "".join(one.function.arguments or "" for one in calls if one.function)
    assert (arguments, reasons) == ('{"text": "a"}', ["tool_calls"])
    assert (used[0].prompt_tokens, used[0].completion_tokens) == (30, 10)
    function = {"name": "show", "arguments": arguments}
    spoke = {"role": "assistant", "tool_calls": [{"id": calls[0].id, "type": "function", "function": function}]}
    told = {"role": "tool", "tool_call_id": calls[0].id, "content": "seen"}
    last = await agency.openai.chat.completions.create(model="sonnet@demo", messages=[*asked, spoke, told], tools=tools)  # type: ignore[list-item]
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (15, 5)
    assert len(agency.standin.requests) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox of commands is Linux's; not macOS or Windows")
async def test_a_long_command_behind_a_clients_call_is_no_silence(agency: Agency) -> None:
    agency.become(permission="full")
    agency.configure(timeout_s=8.0)
    slow = run("python3 -c 'import time; time.sleep(11)'")
    agency.standin.script(acts(call("show", {"text": "a"}), slow), says("Ok."))
    asked: list[Any] = [{"role": "user", "content": "Go."}]
    choice = await ask(agency, asked, tool("show"))
    last = await ask(agency, with_results(asked, choice, "seen"), tool("show"))
    assert last.message.content == "Ok."


async def test_each_tool_has_a_name_of_its_own() -> None:
    given = [Tool(name, "", "{}") for name in ("Bash", "client_Bash", "bash", "client_client_Bash", "wait", "mcp__x")]
    names = offered_names(given, {"wait"})
    assert list(names.values()) == [one.name for one in given]
    assert list(names) == [
        *("client_Bash", "client_client_Bash", "client_bash", "client_client_client_Bash", "client_wait"),
        "client_mcp__x",
    ]
