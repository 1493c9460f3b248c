"""Conversations that clients write in odd ways, such as other roles and results that are no text."""

from server.conversation.parts import Text, ToolCall, ToolResult
from server.dialects.common.content.reader import LEFT_OUT
from server.dialects.common.tools.call_arguments import UNKNOWN_TOOL
from tests.server.dialects.bodies import (
    ASKED,
    HI,
    Body,
    assistant,
    chat_call,
    chat_calls,
    chat_result,
    expected_request,
    function_call,
    message,
    output,
    text_part,
    tool_result,
    tool_use,
    user,
    with_input,
    with_messages,
)
from tests.server.dialects.conversations.conversation import Conversation

DIALECTS = ("chat_completions", "responses", "messages")


def _places(*places: str) -> dict[str, tuple[str, ...]]:
    """The same places in each dialect, below its own field for the conversation."""
    fields = (("chat_completions", "messages"), ("responses", "input"), ("messages", "messages"))
    return {dialect: tuple(f"{field}{place}" for place in places) for dialect, field in fields}


def _messages(*sent: Body) -> dict[str, Body]:
    """The same messages in each dialect."""
    return dict(zip(DIALECTS, (with_messages(*sent), with_input(*sent), with_messages(*sent)), strict=True))


def _result(value: object, text: str) -> Conversation:
    """A result that is written as `value` and reaches Claude as `text`."""
    return _called("c1", {}, "c1", value, ToolCall("c1", "look", "{}"), text)


def _arguments(value: object, kept: str) -> Conversation:
    """A call whose arguments are written as `value` and reach Claude as `kept`."""
    return _called("c1", value, "c1", "x", ToolCall("c1", "look", kept), "x")


def _called(
    call_id: object, arguments: object, result_id: object, value: object, call: ToolCall, text: str, *ignored: str
) -> Conversation:
    function = {"name": "look", "arguments": arguments}
    return Conversation(
        expected_request(ASKED, assistant(call), user(ToolResult(call.id, (Text(text),) if text else ()))),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls({"id": call_id, "function": function}),
                {**chat_result("", value), "tool_call_id": result_id},
            ),
            "responses": with_input(
                HI,
                {"type": "function_call", "call_id": call_id, **function},
                {"type": "function_call_output", "call_id": result_id, "output": value},
            ),
            "messages": with_messages(
                HI,
                message("assistant", [{"type": "tool_use", "id": call_id, "name": "look", "input": arguments}]),
                message("user", [{"type": "tool_result", "tool_use_id": result_id, "content": value}]),
            ),
        },
        _places(*ignored),
    )


_FOLDER = [{"type": "file", "name": "a.txt"}, {"type": "image", "name": "b.png"}]
_SPOKEN = message("user", [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, text_part("a")])
_FROM_ABROAD = (
    message("Human", "Hi"),
    message("MODEL ", "Ho"),
    message("bot", "Ho"),
    message("ai", [text_part("Ho")]),
    message("User", "And?"),
)
_RESULTS: tuple[tuple[str, object, str], ...] = (
    ("an object", {"temp": 5}, '{"temp": 5}'),
    ("an object with a type", {"type": "Feature", "id": 1}, '{"type": "Feature", "id": 1}'),
    ("an array", [1, "a", None], '[1, "a", null]'),
    ("an array of objects", [{"temp": 5}], '[{"temp": 5}]'),
    ("entries that look like parts", _FOLDER, str(_FOLDER).replace("'", '"')),
    ("an empty object", {}, "{}"),
    ("an empty array", [], ""),
    ("a number", 5, "5"),
    ("a fraction", 0.5, "0.5"),
    ("true", True, "true"),
    ("false", False, "false"),
    ("null", None, ""),
    ("a part alone", {"type": "text", "text": "x"}, "x"),
    ("parts without text", [{"type": "text", "text": None}, {"type": "text"}, {"type": "text", "text": 5}], "5"),
)
_NO_ARGUMENTS: tuple[object, ...] = ("None", "undefined", "null", "", " ", "nil", "[]", [], None, False)
_ARGUMENTS: tuple[tuple[str, object, str], ...] = (
    *((f"{empty!r}", empty, "{}") for empty in _NO_ARGUMENTS),
    ("an object", {"a": "é"}, '{"a": "é"}'),
    ("an object in an array", [{"a": 1}], '{"a": 1}'),
    ("Python's notation", "{'a': True, 'b': (1, None)}", '{"a": true, "b": [1, null]}'),
    ("an object encoded twice", '"{\\"a\\": 1}"', '{"a": 1}'),
    # Claude gets these inside an object, under INVALID_JSON.
    ("an array", [1, 2], "[1, 2]"),
    ("a number", 5, "5"),
    ("JSON that was cut", '{"a": "b', '{"a": "b'),
    ("Python's notation that was cut", "{'a': 'b", "{'a': 'b"),
)

ODD: dict[str, Conversation] = {
    **{f"a result: {name}": _result(value, text) for name, value, text in _RESULTS},
    **{f"arguments: {name}": _arguments(value, kept) for name, value, kept in _ARGUMENTS},
    "ids that are numbers": _called(1, {}, 1, "x", ToolCall("1", "look", "{}"), "x"),
    "an id that is a number, and one in a string": _called(7, {}, "7", "x", ToolCall("7", "look", "{}"), "x"),
    "a result without an id": _called("c1", {}, None, "x", ToolCall("c1", "look", "{}"), "x"),
    "a result with an id that no call has": _called(
        "c1", {}, "c9", "x", ToolCall("c1", "look", "{}"), "x", " (the result of c9 was taken for c1)"
    ),
    "two calls with one id": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("c", "look", '{"n": 1}'), ToolCall("c", "look", '{"n": 2}')),
            user(ToolResult("c", (Text("1"),)), ToolResult("c", (Text("2"),))),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls(chat_call("c", '{"n": 1}'), chat_call("c", '{"n": 2}')),
                chat_result("c", 1),
                chat_result("c", 2),
            ),
            "responses": with_input(
                HI, function_call("c", '{"n": 1}'), function_call("c", '{"n": 2}'), output("c", 1), output("c", 2)
            ),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("c", {"n": 1}), tool_use("c", {"n": 2})]),
                message("user", [tool_result("c", 1), tool_result("c", 2)]),
            ),
        },
    ),
    "a call without a name": Conversation(
        expected_request(ASKED, assistant(ToolCall("c", UNKNOWN_TOOL, "{}")), user(ToolResult("c", (Text("x"),)))),
        {
            "chat_completions": with_messages(HI, chat_calls(chat_call("c", name="")), chat_result("c", "x")),
            "responses": with_input(HI, function_call("c", name=""), output("c", "x")),
            "messages": with_messages(
                HI, message("assistant", [tool_use("c", name="")]), message("user", [tool_result("c", "x")])
            ),
        },
        {
            "chat_completions": ("messages[1].tool_calls[0].function.name (missing)",),
            "responses": ("input[1].name (missing)",),
            "messages": ("messages[1].content[0].name (missing)",),
        },
    ),
    "calls and results in chat's form in every dialect": Conversation(
        expected_request(ASKED, assistant("a", ToolCall("c", "look", "{}")), user(ToolResult("c", (Text("5"),)), "Hi")),
        _messages(HI, chat_calls(chat_call("c"), content="a"), {**chat_result("c", 5), "role": "Tool"}, HI),
        _places("[2].role (Tool)"),
    ),
    "a flat call": Conversation(
        expected_request(ASKED, assistant(ToolCall("c", "look", '{"a": 1}')), user(ToolResult("c", (Text("x"),)))),
        _messages(
            HI,
            {"role": "assistant", "tool_calls": {"type": "tool_call", "name": "look", "args": {"a": 1}, "id": "c"}},
            chat_result("c", "x"),
        ),
    ),
    "roles of other APIs": Conversation(
        expected_request(ASKED, assistant("Ho", "Ho", "Ho"), user("And?")),
        _messages(*_FROM_ABROAD),
        _places(*(f"[{number}].role ({' '.join(sent['role'].split())})" for number, sent in enumerate(_FROM_ABROAD))),
    ),
    "LangChain's and the AI SDK's messages": Conversation(
        expected_request(ASKED, assistant("Ho"), user("And?")),
        _messages(
            {"type": "human", "content": "Hi"},
            {"type": "ai", "content": "Ho"},
            {"role": "user", "parts": [text_part("And?")]},
        ),
        _places("[0].role (none)", "[1].role (none)"),
    ),
    "a part that Claude cannot take, in the history": Conversation(
        expected_request(user(LEFT_OUT.format(kind="input_audio"), "a"), assistant("Ho"), user("And?")),
        _messages(
            _SPOKEN,
            message("assistant", [{"type": "image_url", "image_url": "https://e.org/x"}, text_part("Ho")]),
            message("user", "And?"),
        ),
        _places("[0].content[0] (input_audio)", "[1].content[0] (image_url)"),
    ),
    "audio in a result": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("c", "look", "{}")),
            user(ToolResult("c", (Text(LEFT_OUT.format(kind="audio")),))),
        ),
        {
            "chat_completions": with_messages(
                HI, chat_calls(chat_call("c")), chat_result("c", [{"type": "audio", "data": "AAAA"}])
            ),
            "responses": with_input(HI, function_call("c"), output("c", [{"type": "audio", "data": "AAAA"}])),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("c")]),
                message("user", [tool_result("c", [{"type": "audio", "data": "AAAA"}])]),
            ),
        },
        {
            "chat_completions": ("messages[2].content[0] (audio)",),
            "responses": ("input[2].output[0] (audio)",),
            "messages": ("messages[2].content[0].content[0] (audio)",),
        },
    ),
}
