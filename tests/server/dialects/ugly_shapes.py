"""Writes a chat body, however odd, in the shape of the Responses API or of Anthropic's Messages API."""

import re
from typing import Any, Literal

Shape = Literal["chat", "responses", "messages"]


def in_shape(body: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """Returns `body` in `shape`. Each message becomes one message or item, so that the places stay."""
    rest = {name: value for name, value in body.items() if name not in ("messages", "tools")}
    functions = [tool["function"] for tool in body["tools"]]
    if shape == "responses":
        items = [_item(message) for message in body["messages"]]
        return {**rest, "input": items, "tools": [{"type": "function", **function} for function in functions]}
    own = [
        {"name": function["name"], "description": function["description"], "input_schema": function["parameters"]}
        for function in functions
    ]
    return {**rest, "messages": [_with_blocks(message) for message in body["messages"]], "tools": own}


def insert_item(body: dict[str, Any], named: list[str], place: int, item: dict[str, Any]) -> None:
    """Inserts `item` into the input, and moves the places in `named` behind it."""
    body["input"].insert(place, item)
    for number, name in enumerate(named):
        named[number] = re.sub(
            r"^input\[(\d+)\]", lambda match: f"input[{int(match[1]) + (int(match[1]) >= place)}]", name
        )


def _item(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("tool_calls"):
        (call,) = message["tool_calls"]
        return {"type": "function_call", "call_id": call["id"], **call["function"]}
    if message["role"] == "tool":
        return {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
    return message


def _with_blocks(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("tool_calls"):
        (call,) = message["tool_calls"]
        function = call["function"]
        arguments = function["arguments"]
        block = {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
        return {"role": message["role"], "content": [block]}
    if message["role"] == "tool":
        block = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
        return {"role": "user", "content": [block]}
    return message
