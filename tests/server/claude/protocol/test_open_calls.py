"""The MCP server of the client's tools, message by message."""

from typing import Any

from server.claude.protocol.frames import Frame
from server.claude.protocol.tool_names import legal_name
from server.claude.protocol.tools import OpenCalls, live_results, offered, tools_body
from server.conversation.parts import Image, Message, Text, ToolResult
from server.conversation.request import Tool, ToolChoice


def asks(method: str, number: int | None, params: dict[str, Any]) -> Frame:
    message = {"jsonrpc": "2.0", "method": method, "params": params, **({} if number is None else {"id": number})}
    request = {"subtype": "mcp_message", "server_name": "client", "message": message}
    return {"type": "control_request", "request_id": f"request {number}", "request": request}


def calls(call: str, number: int) -> Frame:
    return asks("tools/call", number, {"name": "call", "_meta": {"claudecode/toolUseId": call}})


async def test_calls_wait_until_their_results_are_given() -> None:
    posted: list[Frame] = []
    waiting = OpenCalls(posted.append)
    assert not await waiting.arrived(["a"], timeout_s=0)
    assert waiting.take(calls("a", 1))
    assert waiting.take(calls("b", 2))
    assert posted == []
    assert await waiting.arrived(["b", "a"], timeout_s=1)
    (frame,) = waiting.frames_for({"b": ToolResult("b", (Text("x"), Text("y")))})
    assert frame["response"] == {
        "subtype": "success",
        "request_id": "request 2",
        "response": {
            "mcp_response": {
                "jsonrpc": "2.0",
                "id": 2,
                "result": {"content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]},
            }
        },
    }
    assert waiting.has(["a"])
    assert not waiting.has(["b"])


async def test_a_cancelled_call_is_not_open() -> None:
    waiting = OpenCalls(lambda frame: None)
    waiting.take(calls("a", 1))
    waiting.take(calls("b", 2))
    waiting.take(asks("notifications/cancelled", None, {"requestId": 1}))
    assert waiting.has(["b"])
    assert not waiting.has(["a"])


def test_other_servers_and_other_frames_are_ignored() -> None:
    waiting = OpenCalls(lambda frame: None)
    other = asks("tools/list", 1, {})
    other["request"]["server_name"] = "another"  # type: ignore[index] # a dictionary, as above
    assert not waiting.take(other)
    assert not waiting.take({"type": "control_request", "request": {"subtype": "can_use_tool"}})
    assert not waiting.take({"type": "assistant"})


def test_other_mcp_requests_are_answered_at_once() -> None:
    posted: list[Any] = []
    waiting = OpenCalls(posted.append)
    for number, method in enumerate(("initialize", "notifications/initialized", "tools/list", "prompts/list", "ping")):
        assert waiting.take(asks(method, number, {"protocolVersion": "2025-06-18"}))
    results = [frame["response"]["response"]["mcp_response"]["result"] for frame in posted]
    assert results[0]["protocolVersion"] == "2025-06-18"
    assert [tool["name"] for tool in results[2]["tools"]] == ["call"]
    assert results[1] == results[3] == results[4] == {}


def test_without_tools_nothing_is_offered() -> None:
    assert offered(()) == {}
    assert tools_body((), ToolChoice("any")) == {}
    assert tools_body((), ToolChoice("any"), is_live=True) == {"tools": []}


def test_names_are_unchanged_or_legal_and_unique() -> None:
    names = ["look", "a.b", "a_b", "a:b", "größe", "", "x" * 128, "x" * 129, "x" * 130, "mcp__x__y"]
    legal = [legal_name(name) for name in names]
    assert len(set(legal)) == len(names)
    assert [new for new, old in zip(legal, names, strict=True) if new == old] == ["look", "a_b", "x" * 128, "mcp__x__y"]
    assert all(0 < len(name) <= 128 for name in legal)
    assert legal == [legal_name(name) for name in names]


def goes_live(*parts: Text | Image, **fields: Any) -> bool:
    return live_results(Message("user", (ToolResult("a", parts, **fields),)), ("a",)) is not None


def test_only_plain_texts_that_fit_go_to_a_waiting_process() -> None:
    assert goes_live(Text("x"), Text("y"))
    assert goes_live(Text("x" * 500_000))
    assert not goes_live(Text("x" * 500_001))
    # As Claude Code counts, this one is two.
    assert not goes_live(Text("\U0001f600" * 250_001))
    for blank in ("", " ", "\ufeff", "\x1f\n"):
        assert not goes_live(Text("x"), Text(blank))
    assert not goes_live()
    assert not goes_live(Text("x"), is_error=True)
    assert not goes_live(Text("x"), Image(url="https://example.com/x.png"))


def test_only_exactly_the_open_calls_results_go_to_a_waiting_process() -> None:
    one, two = ToolResult("a", (Text("x"),)), ToolResult("b", (Text("y"),))
    assert live_results(Message("user", (two, one)), ("a", "b")) == {"a": one, "b": two}
    for parts in ((one,), (one, one), (one, two, Text("and")), (one, two, ToolResult("c", (Text("z"),)))):
        assert live_results(Message("user", parts), ("a", "b")) is None


def test_a_tool_without_a_description_has_none() -> None:
    body = tools_body((Tool("look", "", '{"type": "object"}'),), ToolChoice())
    assert body == {"tools": [{"name": "look", "input_schema": {"type": "object"}}]}
