"""Converts the messages of a Chat Completions request."""

from collections.abc import Collection, Sequence
from typing import assert_never

from server.conversation.parts import Message, Part, Text, ToolCall, ToolResult
from server.dialects.chat_completions import request_types as wire
from server.dialects.common.content import VisiblePart, parts_from, texts_only, without_empty_text
from server.dialects.common.message_rules import MessageListBuilder
from server.dialects.common.raw_text_tools import wrapped
from server.dialects.common.refusals import audio_not_supported, missing_field
from server.dialects.common.tool_pairing import PairingErrors

# OpenAI's own texts: clients look for them.
PAIRING_ERRORS = PairingErrors(
    call_without_result="An assistant message with 'tool_calls' must be followed by tool messages responding to each"
    " 'tool_call_id'. The following tool_call_ids did not have response messages: {ids}",
    result_without_call="Invalid parameter: messages with role 'tool' must be a response to a preceeding message with"
    " 'tool_calls'.",
)


def conversation_from(
    messages: Sequence[wire.ChatMessage], raw_text_tools: Collection[str]
) -> tuple[str, tuple[Message, ...]]:
    """Returns the system prompt and the messages. Raises `InvalidRequest` that names what Claude cannot take."""
    builder = MessageListBuilder("messages", PAIRING_ERRORS)
    function_calls: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        parts = [] if message.content is None else parts_from(message.content, f"{place}.content")
        match message.role:
            case "system" | "developer":
                builder.add_system(part.text for part in texts_only(parts, f"{place}.content", role=message.role))
            case "user":
                builder.add_user(parts, place)
            case "assistant":
                if message.function_call is not None:
                    function_calls.append((message.function_call.name, _function_call_id(number)))
                builder.add_assistant(_assistant_parts(message, parts, number, raw_text_tools), place)
            case "tool":
                if message.tool_call_id is None:
                    raise missing_field(f"{place}.tool_call_id")
                builder.add_user([ToolResult(message.tool_call_id, without_empty_text(parts))], place)
            case "function":
                call = _take_call(function_calls, message.name or "")
                builder.add_user([ToolResult(call, without_empty_text(parts))], place)
            case _:
                assert_never(message.role)
    return builder.build()


def _assistant_parts(
    message: wire.ChatMessage, content: Sequence[VisiblePart], number: int, raw_text_tools: Collection[str]
) -> list[Part]:
    """Returns the assistant's text, then its calls."""
    place = f"messages[{number}]"
    if message.audio:
        raise audio_not_supported(f"{place}.audio", hint="Send a transcript as content.")
    parts: list[Part] = [*texts_only(content, f"{place}.content", role="assistant")]
    if message.refusal is not None:
        parts.append(Text(message.refusal))
    for position, call in enumerate(message.tool_calls or ()):
        parts.append(_call_from(call, f"{place}.tool_calls[{position}]", raw_text_tools))
    if message.function_call is not None:
        function = message.function_call
        parts.append(ToolCall(_function_call_id(number), function.name, _arguments(function, raw_text_tools)))
    return parts


def _call_from(call: wire.ToolCall, place: str, raw_text_tools: Collection[str]) -> ToolCall:
    if call.function is not None:
        return ToolCall(call.id, call.function.name, _arguments(call.function, raw_text_tools))
    if call.custom is not None:
        return ToolCall(call.id, call.custom.name, wrapped(call.custom.input))
    raise missing_field(f"{place}.function")


def _arguments(function: wire.FunctionCall, raw_text_tools: Collection[str]) -> str:
    """Returns the arguments as JSON. Those of a raw text tool are the text itself, as our replies contain it."""
    return wrapped(function.arguments) if function.name in raw_text_tools else function.arguments


def _function_call_id(number: int) -> str:
    """Returns an id for a `function_call`, which has none; the same each time the client sends the conversation."""
    return f"function_call_{number}"


def _take_call(open_calls: list[tuple[str, str]], name: str) -> str:
    """Removes the first open call of `name` and returns its id."""
    for entry in open_calls:
        if entry[0] == name or not name:
            open_calls.remove(entry)
            return entry[1]
    return f"function_call_of_{name}"
