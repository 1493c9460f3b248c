"""Conversations with calls and results."""

import json

from server.conversation.parts import Text, ToolCall, ToolResult
from server.conversation.request import Tool
from server.dialects.common.tools.raw_text_tools import text_schema
from server.dialects.common.tools.tool_pairing import LOST_RESULT, NO_RESULT
from tests.server.dialects.bodies import (
    ASKED,
    CUSTOM,
    HI,
    NESTED_GRAMMAR,
    PATCH,
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
from tests.server.web import cursor_bodies as cursor

_CURSOR_TURNS = (
    user(cursor.QUESTION),
    assistant(
        ToolCall(cursor.READ_ID, "ReadFile", '{"path": "x.py"}'),
        ToolCall("call_patch", "ApplyPatch", json.dumps({"input": cursor.PATCH})),
    ),
    user(ToolResult(cursor.READ_ID, (Text("a = 1\n"),)), ToolResult("call_patch", (Text("Done!"),))),
    assistant(
        "Is that all?",
        ToolCall(cursor.ASK_ID, "AskUserQuestion", '{"path": "-"}'),
        ToolCall(cursor.READ_ID, "ReadFile", '{"path": "y.py"}'),
    ),
    user(ToolResult(cursor.ASK_ID, (Text("Yes"),)), ToolResult(cursor.READ_ID, ()), "Thanks. And now?"),
)

_CURSOR_TOOLS = (
    Tool("ReadFile", "Reads a file.", json.dumps(cursor.PARAMETERS)),
    Tool("AskUserQuestion", "Asks.", json.dumps(cursor.PARAMETERS)),
    Tool(
        "ApplyPatch",
        "Applies a patch.",
        text_schema(f"Text of this grammar (lark):\n{cursor.GRAMMAR}"),
        takes_text=True,
    ),
)

CALLS: dict[str, Conversation] = {
    "a call without a result": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("c1", "look", "{}")),
            user(ToolResult("c1", (Text(NO_RESULT),), is_error=True), "Hi"),
        ),
        {
            "chat_completions": with_messages(HI, chat_calls(chat_call("c1")), HI),
            "responses": with_input(HI, function_call("c1"), HI),
            "messages": with_messages(HI, message("assistant", [tool_use("c1")]), HI),
        },
        {
            "chat_completions": ("messages (no result for c1)",),
            "responses": ("input (no result for c1)",),
            "messages": ("messages (no result for c1)",),
        },
    ),
    "a result without a call": Conversation(
        expected_request(user(LOST_RESULT, "x", "Hi")),
        {
            "chat_completions": with_messages(HI, chat_result("c9", "x")),
            "responses": with_input(HI, output("c9", "x")),
            "messages": with_messages(message("user", [tool_result("c9", "x"), text_part("Hi")])),
        },
        {
            "chat_completions": ("messages (a result without its call c9)",),
            "responses": ("input (a result without its call c9)",),
            "messages": ("messages (a result without its call c9)",),
        },
    ),
    "a call and a result without an id": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("call_messages_1_tool_calls_0", "look", "{}")),
            user(ToolResult("call_messages_1_tool_calls_0", (Text("x"),))),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls({"function": {"name": "look", "arguments": None}}),
                {"role": "tool", "name": "look", "content": "x"},
            ),
        },
    ),
    "a call and a result without an id, as items": Conversation(
        expected_request(
            ASKED, assistant(ToolCall("call_input_1", "look", "{}")), user(ToolResult("call_input_1", (Text("x"),)))
        ),
        {
            "responses": with_input(
                HI,
                {"type": "function_call", "name": "look", "arguments": "null"},
                {"type": "function_call_output", "output": "x"},
            ),
        },
    ),
    "a call and a result without an id, as blocks": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("call_messages_1_content_0", "look", "{}")),
            user(ToolResult("call_messages_1_content_0", (Text("x"),))),
        ),
        {
            dialect: with_messages(
                HI,
                message("assistant", [{"type": "tool_use", "name": "look", "input": None}]),
                message("user", [{"type": "tool_result", "content": "x"}]),
            )
            for dialect in ("chat_completions", "messages")
        },
    ),
    "calls, their results in another order, and a question": Conversation(
        expected_request(
            ASKED,
            assistant("Wait.", ToolCall("c1", "look", '{"at": "it"}'), ToolCall("c2", "look", "{}")),
            user(ToolResult("c1", (Text("one"),)), ToolResult("c2", ()), "And?"),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls(chat_call("c1", '{"at": "it"}'), chat_call("c2"), content="Wait."),
                chat_result("c2", ""),
                chat_result("c1", [text_part("one")]),
                message("user", "And?"),
            ),
            "responses": with_input(
                HI,
                message("assistant", [text_part("Wait.", "output_text")]),
                function_call("c1", '{"at": "it"}'),
                function_call("c2"),
                output("c2", ""),
                output("c1", [text_part("one", "input_text")]),
                message("user", "And?"),
            ),
            "messages": with_messages(
                HI,
                message("assistant", [text_part("Wait."), tool_use("c1", {"at": "it"}), tool_use("c2")]),
                message("user", [text_part("And?"), tool_result("c2", ""), tool_result("c1", [text_part("one")])]),
            ),
        },
    ),
    "raw text that comes back as a function's arguments": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("p", "patch", '{"input": "*** Begin\\n"}')),
            user(ToolResult("p", (Text("Done!"),))),
            tools=(PATCH,),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls(chat_call("p", "*** Begin\n", name="patch")),
                chat_result("p", "Done!"),
                tools=[NESTED_GRAMMAR],
            ),
            "responses": with_input(
                HI, function_call("p", "*** Begin\n", name="patch"), output("p", "Done!"), tools=[NESTED_GRAMMAR]
            ),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("p", "*** Begin\n", name="patch")]),
                message("user", [tool_result("p", "Done!")]),
                tools=[CUSTOM],
            ),
        },
    ),
    "raw text that comes back as a custom call": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("p", "patch", '{"input": "*** Begin\\n"}')),
            user(ToolResult("p", (Text("Done!"),))),
            tools=(PATCH,),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls({"id": "p", "type": "custom", "custom": {"name": "patch", "input": "*** Begin\n"}}),
                chat_result("p", "Done!"),
                tools=[CUSTOM],
            ),
            "responses": with_input(
                HI,
                {"type": "custom_tool_call", "call_id": "p", "name": "patch", "input": "*** Begin\n"},
                {"type": "custom_tool_call_output", "call_id": "p", "output": "Done!"},
                tools=[CUSTOM],
            ),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("p", {"input": "*** Begin\n"}, name="patch")]),
                message("user", [tool_result("p", "Done!")]),
                tools=[CUSTOM],
            ),
        },
    ),
    "Cursor's history": Conversation(
        expected_request(*_CURSOR_TURNS, tools=_CURSOR_TOOLS, system=cursor.SYSTEM),
        {
            "chat_completions": with_messages(*cursor.CHAT_HISTORY, tools=cursor.CHAT["tools"]),
            "responses": with_input(*cursor.RESPONSES_HISTORY, tools=cursor.RESPONSES["tools"][:3]),
            "messages": with_messages(
                *cursor.MESSAGES_HISTORY, system=cursor.MESSAGES["system"], tools=cursor.MESSAGES["tools"]
            ),
        },
        {"responses": ("input[2] (reasoning)",)},
    ),
    "a result that is an error": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("c1", "look", "{}")),
            user(ToolResult("c1", (Text("It is dark."),), is_error=True)),
        ),
        {
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("c1")]),
                message("user", [tool_result("c1", "It is dark.", is_error=True)]),
            ),
        },
    ),
}
