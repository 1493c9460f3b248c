"""In which of three dialects a body on the chat path is written.

Cursor sends its agent's requests to that path in the form of the Responses API, or of Anthropic's Messages API, by the
name of the model, and wants chat chunks back in each case.
"""

from collections.abc import Mapping
from typing import Literal

Dialect = Literal["chat", "responses", "messages"]

_ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})
_CHAT_ROLES = frozenset({"tool", "function"})


def dialect_of(body: object) -> Dialect:
    """The dialect of the parsed JSON `body`; "chat" wherever nothing speaks for another.

    1. responses: `input` or `instructions`, and no messages or none in them;
    2. messages: a tool with an `input_schema`, a block of a call, of a result or of thoughts in a message, or a
       `system` at the top of messages that hold nothing which only a chat holds.
    """
    if not isinstance(body, Mapping):
        return "chat"
    messages = _objects(body.get("messages"))
    if not messages:
        has_input = any(body.get(name) is not None for name in ("input", "instructions"))
        return "responses" if has_input and not body.get("messages") else "chat"
    if any(_is_word(message.get("role"), _CHAT_ROLES) or message.get("tool_calls") for message in messages):
        return "chat"
    if body.get("system") or any("input_schema" in tool for tool in _objects(body.get("tools"))):
        return "messages"
    blocks = (block for message in messages for block in _objects(message.get("content")))
    return "messages" if any(_is_anthropic(block) for block in blocks) else "chat"


def _is_anthropic(block: Mapping[str, object]) -> bool:
    return _is_word(block.get("type"), _ANTHROPIC_BLOCKS)


def _is_word(value: object, words: frozenset[str]) -> bool:
    """Whether it is one of `words`; what else a body may hold there, such as a list, cannot be looked for in a set."""
    return isinstance(value, str) and value in words


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
