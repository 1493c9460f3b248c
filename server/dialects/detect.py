"""Detects in which of three request formats a body on the chat path is written.

Cursor posts its agent's requests there in the format of the Responses API or of Anthropic's Messages API, depending on
the model's name, and expects chat chunks back in each case.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal

from pydantic.fields import FieldInfo

from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.history.roles import role_in
from server.dialects.common.wire_types import WireModel
from server.dialects.messages.request_types import MessagesRequest
from server.dialects.responses.request_types import ResponsesRequest

RequestFormat = Literal["chat", "responses", "messages"]

_ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})
_CHAT_ROLES = frozenset({"tool", "function"})
# A chat request may have all of a Messages request, but not the other way round.
_CHAT_FIELDS = frozenset(ChatRequest.model_fields) - frozenset(MessagesRequest.model_fields) | {
    "reasoning_effort",
    "parallel_tool_calls",
}
TYPES: Mapping[RequestFormat, type[WireModel]] = {
    "chat": ChatRequest,
    "responses": ResponsesRequest,
    "messages": MessagesRequest,
}
"""The type of the requests of each format."""


def detect_format(body: object) -> RequestFormat:
    """The format of the parsed JSON `body`; "chat" unless something marks another.

    1. responses: it has `input` or `instructions`, and no messages;
    2. messages: it has nothing that only a chat request has (a field, a role, a nested tool), and a tool has an
       `input_schema`, a message holds a tool call, a tool result or a thinking block, or there is a top-level `system`.
    """
    if not isinstance(body, Mapping):
        return "chat"
    messages = _objects(body.get("messages"))
    if not messages:
        has_input = any(body.get(name) is not None for name in ("input", "instructions"))
        return "responses" if has_input and not body.get("messages") else "chat"
    if _is_chat(body, messages):
        return "chat"
    if body.get("system") or any("input_schema" in tool for tool in _objects(body.get("tools"))):
        return "messages"
    blocks = (block for message in messages for block in _objects(message.get("content")))
    return "messages" if any(_is_one_of(block.get("type"), _ANTHROPIC_BLOCKS) for block in blocks) else "chat"


def fields_of_other_formats(body: object, found: RequestFormat) -> Iterator[str]:
    """Yields the fields of `body` that ask for something in another format only, so that they have no effect."""
    if not isinstance(body, Mapping):
        return
    for name, neutral in _foreign_fields(found):
        if body.get(name) not in neutral:
            yield name


@cache
def _foreign_fields(found: RequestFormat) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """The fields that only other formats have, with the values that ask for nothing."""
    return tuple(
        (name, (None, "", [], {}, field.default, *_neutral(field)))
        for other, model in TYPES.items()
        for name, field in model.model_fields.items()
        if other != found and name not in TYPES[found].model_fields
    )


def _neutral(field: FieldInfo) -> list[object]:
    return [value for mark in field.metadata for value in getattr(mark, "neutral", ())]


def _is_chat(body: Mapping[str, object], messages: list[Mapping[str, object]]) -> bool:
    choice = body.get("tool_choice")
    return (
        any(body.get(name) is not None for name in _CHAT_FIELDS)
        or any(role_in(message.get("role")) in _CHAT_ROLES for message in messages)
        or any(message.get("tool_calls") or message.get("function_call") for message in messages)
        or any(isinstance(tool.get("function"), Mapping) for tool in _objects(body.get("tools")))
        or (isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping))
    )


def _is_one_of(value: object, names: frozenset[str]) -> bool:
    """Whether `value` is in `names`; unlike `in`, it accepts unhashable JSON such as an array."""
    return isinstance(value, str) and value in names


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
