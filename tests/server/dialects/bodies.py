"""Builders of request bodies in each dialect, with the same tools in each."""

import json
from collections.abc import Mapping
from typing import Any

from server.conversation.parts import Message, Part, Text
from server.conversation.request import ModelRequest, ModelSettings, Profile, Tool
from server.dialects.common.tools.raw_text_tools import text_schema

OWNER = "local"
"""The owner in every expected request: give it to the parser."""

Body = Mapping[str, Any]


def expected_request(
    *messages: Message, system: str = "", tools: tuple[Tool, ...] = (), **settings: Any
) -> ModelRequest:
    return ModelRequest(
        messages=messages,
        profile=Profile(system=system, tools=tools, owner=OWNER),
        settings=ModelSettings(**settings),
    )


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Message:
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def with_messages(*messages: Body, **fields: Any) -> dict[str, Any]:
    return {"messages": [*messages], **fields}


def with_input(*items: Body, **fields: Any) -> dict[str, Any]:
    return {"input": [*items], **fields}


def message(role: str, content: object) -> dict[str, Any]:
    return {"role": role, "content": content}


def text_part(text: str, kind: str = "text") -> dict[str, Any]:
    return {"type": kind, "text": text}


def chat_call(id_: str, arguments: str = "{}", *, name: str = "look") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def chat_calls(*calls: Body, content: object = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": [*calls]}


def chat_result(id_: str, content: object) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def function_call(id_: str, arguments: str = "{}", *, name: str = "look") -> dict[str, Any]:
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


def output(id_: str, output: object) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": id_, "output": output}


def tool_use(id_: str, input_: object = None, *, name: str = "look") -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": name, "input": {} if input_ is None else input_}


def tool_result(id_: str, content: object, **fields: object) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **fields}


HI = message("user", "Hi")
ASKED = user("Hi")

SCHEMA = {"type": "object", "properties": {"at": {"type": "string", "pattern": "^(a+)+$"}}, "$comment": "kept"}
LOOK = Tool("look", "Looks.", json.dumps(SCHEMA))
PATCH = Tool("patch", "Applies a patch.", text_schema("Text of this grammar (lark):\nstart: hunk+"), takes_text=True)
_FUNCTION = {"name": "look", "description": "Looks.", "parameters": SCHEMA}
CUSTOM = {
    "type": "custom",
    "name": "patch",
    "description": "Applies a patch.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: hunk+"},
}
NESTED_GRAMMAR = {
    **CUSTOM,
    "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: hunk+"}},
}
NESTED = {"type": "function", "function": _FUNCTION}
FLAT = {"type": "function", **_FUNCTION}
OWN = {"name": "look", "description": "Looks.", "input_schema": SCHEMA}
