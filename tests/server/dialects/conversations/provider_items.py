"""Responses bodies with the items of OpenAI's own tools."""

import base64

from server.conversation.parts import Image, Message, Text, ToolCall, ToolResult
from server.dialects.responses.compaction import UNREADABLE
from tests.pictures import PNG as PICTURE
from tests.server.dialects.bodies import ASKED, HI, Body, assistant, expected_request, user, with_input
from tests.server.dialects.conversations.conversation import Conversation

PNG = base64.b64encode(PICTURE).decode()
_IMAGE = Image("image/png", PNG)
_BETWEEN: tuple[Body, ...] = (
    {"type": "item_reference", "id": "msg_1"},
    {"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": [{"name": "roll"}]},
    {"type": "mcp_approval_request", "id": "a", "server_label": "s", "name": "roll", "arguments": "{}"},
    {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
    {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "file_search_call", "id": "w", "queries": ["q"], "results": None},
    {"type": "image_generation_call", "id": "w", "status": "completed"},
    {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"},
    {"type": "something_new", "id": "n"},
)


def _answered(call: ToolCall, *parts: Text | Image, is_error: bool = False) -> tuple[Message, ...]:
    return ASKED, assistant(call), user(ToolResult(call.id, parts, is_error), "Hi")


def _case(call: ToolCall, *parts: Text | Image, items: tuple[Body, ...], is_error: bool = False) -> Conversation:
    expected = expected_request(*_answered(call, *parts, is_error=is_error))
    return Conversation(expected, {"responses": with_input(HI, *items, HI)})


PROVIDER_ITEMS: dict[str, Conversation] = {
    **{
        f"an item that is left out: {item['type']}": Conversation(
            expected_request(user("Hi", "Hi")),
            {"responses": with_input(HI, item, HI)},
            {"responses": (f"input[1] ({item['type']})",)},
        )
        for item in _BETWEEN
    },
    "a compaction of another server": Conversation(
        expected_request(user("Hi", UNREADABLE, "Hi")),
        {"responses": with_input(HI, {"type": "compaction", "id": "k", "encrypted_content": "x"}, HI)},
        {"responses": ("input[1] (compaction)",)},
    ),
    "a call of an MCP server": _case(
        ToolCall("m", "roll", '{"dice": 2}'),
        Text("7"),
        items=(
            {"type": "mcp_call", "id": "m", "name": "roll", "arguments": '{"dice": 2}', "output": "7", "error": None},
        ),
    ),
    "a failed call of an MCP server": _case(
        ToolCall("m", "roll", "{}"),
        Text('{"code": 5}'),
        items=({"type": "mcp_call", "id": "m", "name": "roll", "arguments": "", "error": {"code": 5}},),
        is_error=True,
    ),
    "a search in files": _case(
        ToolCall("f", "file_search", '{"queries": ["q"]}'),
        Text('[{"text": "found", "score": 1}]'),
        items=({"type": "file_search_call", "id": "f", "queries": ["q"], "results": [{"text": "found", "score": 1}]},),
    ),
    "a run of code": _case(
        ToolCall("i", "code_interpreter", '{"code": "1"}'),
        Text('[{"type": "logs", "logs": "1"}]'),
        items=(
            {
                "type": "code_interpreter_call",
                "id": "i",
                "code": "1",
                "container_id": "k",
                "outputs": [{"type": "logs", "logs": "1"}],
            },
        ),
    ),
    "a generated image": _case(
        ToolCall("g", "image_generation", "{}"),
        _IMAGE,
        items=({"type": "image_generation_call", "id": "g", "status": "completed", "result": PNG},),
    ),
    "a click and its screenshot": _case(
        ToolCall("c", "computer", '{"type": "click", "x": 1}'),
        _IMAGE,
        items=(
            {"type": "computer_call", "id": "x", "call_id": "c", "action": {"type": "click", "x": 1}},
            {
                "type": "computer_call_output",
                "call_id": "c",
                "output": {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{PNG}"},
            },
        ),
    ),
    "a local shell": _case(
        ToolCall("c", "local_shell", '{"type": "exec", "command": ["ls"]}'),
        Text("x"),
        items=(
            {
                "type": "local_shell_call",
                "id": "x",
                "call_id": "c",
                "action": {"type": "exec", "command": ["ls"]},
            },
            {"type": "local_shell_call_output", "id": "c", "output": "x"},
        ),
    ),
    "a shell": _case(
        ToolCall("c", "shell", '{"commands": ["ls"]}'),
        Text('[{"stdout": "x", "stderr": ""}]'),
        items=(
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
            {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "x", "stderr": ""}]},
        ),
    ),
}
