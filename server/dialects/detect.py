"""Detects in which of the three request formats of `chat_path` a body is written."""

from collections.abc import Mapping
from typing import Literal

RequestFormat = Literal["chat", "responses", "messages"]

_ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})
_CHAT_ROLES = frozenset({"tool", "function"})


def detect_format(body: object) -> RequestFormat:
    """The format of the parsed JSON `body`; "chat" unless something marks another.

    1. responses: it has `input` or `instructions`, and no messages;
    2. messages: a tool has an `input_schema`, a message holds a tool call, a tool result or a thinking block, or there
       is a top-level `system` and nothing in the messages that only a chat request has.
    """
    if not isinstance(body, Mapping):
        return "chat"
    messages = _objects(body.get("messages"))
    if not messages:
        has_input = any(body.get(name) is not None for name in ("input", "instructions"))
        return "responses" if has_input and not body.get("messages") else "chat"
    if any(_is_one_of(message.get("role"), _CHAT_ROLES) or message.get("tool_calls") for message in messages):
        return "chat"
    if body.get("system") or any("input_schema" in tool for tool in _objects(body.get("tools"))):
        return "messages"
    blocks = (block for message in messages for block in _objects(message.get("content")))
    return "messages" if any(_is_anthropic(block) for block in blocks) else "chat"


def _is_anthropic(block: Mapping[str, object]) -> bool:
    return _is_one_of(block.get("type"), _ANTHROPIC_BLOCKS)


def _is_one_of(value: object, names: frozenset[str]) -> bool:
    """Whether `value` is in `names`; unlike `in`, it accepts unhashable JSON such as an array."""
    return isinstance(value, str) and value in names


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
