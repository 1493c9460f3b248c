"""Bodies as Cursor posts them to the chat path in three formats, with the recorded fields."""

from typing import Any

SYSTEM = "You are an AI coding assistant, powered by a model.\nYou operate in Cursor."
QUESTION = "<user_query>\nRename `a` to `b` in x.py\n</user_query>"
PATCH = "*** Begin Patch\n*** Update File: x.py\n@@\n-a = 1\n+b = 1\n*** End Patch\n"
GRAMMAR = 'start: begin_patch hunk+ end_patch\nbegin_patch: "*** Begin Patch" LF\n'
# Invalid for Anthropic, and repeated in a later message.
READ_ID = "functions.ReadFile:0"
ASK_ID = "functions.AskUserQuestion:1"
PARAMETERS = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}

NESTED_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "ReadFile", "description": "Reads a file.", "parameters": PARAMETERS}},
    {"type": "function", "function": {"name": "AskUserQuestion", "description": "Asks.", "parameters": PARAMETERS}},
]
FLAT_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "ReadFile", "description": "Reads a file.", "parameters": PARAMETERS, "strict": False},
    {"type": "function", "name": "AskUserQuestion", "description": "Asks.", "parameters": PARAMETERS, "strict": False},
]
APPLY_PATCH: dict[str, Any] = {
    "type": "custom",
    "name": "ApplyPatch",
    "description": "Applies a patch.",
    "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
}

# A: Ask mode, custom model names, Azure. Nested tools, and a flat one that takes raw text.
CHAT: dict[str, Any] = {
    "model": "cc:sonnet",
    "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}],
    "tools": [*NESTED_TOOLS, APPLY_PATCH],
    "tool_choice": "auto",
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0,
    "user": "auth0|0123456789abcdef",
    "reasoning": {"effort": "medium"},
}
CHAT_HISTORY: list[dict[str, Any]] = [
    *CHAT["messages"],
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "index": 0,
                "id": READ_ID,
                "type": "function",
                "function": {"name": "ReadFile", "arguments": '{"path": "x.py"}'},
            },
            {
                "index": 1,
                "id": "call_patch",
                "type": "function",
                "function": {"name": "ApplyPatch", "arguments": PATCH},
            },
        ],
    },
    {"role": "tool", "tool_call_id": READ_ID, "name": "ReadFile", "content": [{"type": "text", "text": "a = 1\n"}]},
    {"role": "tool", "tool_call_id": "call_patch", "name": "ApplyPatch", "content": "Done!"},
    {
        "role": "assistant",
        "content": "Is that all?",
        "tool_calls": [
            {
                "index": 0,
                "id": ASK_ID,
                "type": "function",
                "function": {"name": "AskUserQuestion", "arguments": '{"path": "-"}'},
            },
            {
                "index": 1,
                "id": READ_ID,
                "type": "function",
                "function": {"name": "ReadFile", "arguments": '{"path": "y.py"}'},
            },
        ],
    },
    {"role": "tool", "tool_call_id": READ_ID, "name": "ReadFile", "content": ""},
    {"role": "tool", "tool_call_id": ASK_ID, "name": "AskUserQuestion", "content": "Yes"},
    {"role": "user", "content": "Thanks. And now?"},
]

# B: Agent mode with names of GPT's family. The body of the Responses API.
RESPONSES: dict[str, Any] = {
    "model": "gpt-5.1-codex-high",
    "input": [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
    ],
    "tools": [*FLAT_TOOLS, APPLY_PATCH, {"type": "web_search"}],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "text": {"verbosity": "low"},
    "include": ["reasoning.encrypted_content"],
    "stream": True,
    "stream_options": {"include_usage": True},
    "store": False,
    "previous_response_id": None,
    "truncation": "auto",
    "metadata": {"cursorConversationId": "6b5d6f8e-0000-4000-8000-000000000000"},
    "user": "auth0|0123456789abcdef",
}
RESPONSES_HISTORY: list[dict[str, Any]] = [
    *RESPONSES["input"],
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
    {"type": "function_call", "id": "fc_1", "call_id": READ_ID, "name": "ReadFile", "arguments": '{"path": "x.py"}'},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_patch", "name": "ApplyPatch", "input": PATCH},
    {"type": "function_call_output", "call_id": READ_ID, "output": [{"type": "input_text", "text": "a = 1\n"}]},
    {"type": "custom_tool_call_output", "call_id": "call_patch", "output": "Done!"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Is that all?"}]},
    {"type": "function_call", "call_id": ASK_ID, "name": "AskUserQuestion", "arguments": '{"path": "-"}'},
    {"type": "function_call", "call_id": READ_ID, "name": "ReadFile", "arguments": '{"path": "y.py"}'},
    {"type": "function_call_output", "call_id": READ_ID, "output": ""},
    {"type": "function_call_output", "call_id": ASK_ID, "output": "Yes"},
    {"role": "user", "content": [{"type": "input_text", "text": "Thanks. And now?"}]},
]

# C: names with `claude-` in them. The body of Anthropic's Messages API.
MARK = {"cache_control": {"type": "ephemeral"}}
MESSAGES: dict[str, Any] = {
    "model": "claude-4.6-opus-high-thinking",
    "system": [{"type": "text", "text": SYSTEM, **MARK}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION, **MARK}]}],
    "tools": [
        {"name": "ReadFile", "description": "Reads a file.", "input_schema": PARAMETERS},
        {"name": "AskUserQuestion", "description": "Asks.", "input_schema": PARAMETERS, **MARK},
        APPLY_PATCH,
    ],
    "tool_choice": {"type": "auto"},
    "max_tokens": 8192,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0,
    "metadata": {"user_id": "0123456789abcdef"},
}
MESSAGES_HISTORY: list[dict[str, Any]] = [
    *MESSAGES["messages"],
    {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": READ_ID, "name": "ReadFile", "input": {"path": "x.py"}},
            {"type": "tool_use", "id": "call_patch", "name": "ApplyPatch", "input": {"input": PATCH}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": READ_ID, "content": [{"type": "text", "text": "a = 1\n", **MARK}]},
            {"type": "tool_result", "tool_use_id": "call_patch", "content": "Done!"},
        ],
    },
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Is that all?"},
            {"type": "tool_use", "id": ASK_ID, "name": "AskUserQuestion", "input": {"path": "-"}},
            {"type": "tool_use", "id": READ_ID, "name": "ReadFile", "input": {"path": "y.py"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": READ_ID, "content": ""},
            {"type": "tool_result", "tool_use_id": ASK_ID, "content": "Yes", "is_error": False},
            {"type": "text", "text": "Thanks. And now?"},
        ],
    },
]
