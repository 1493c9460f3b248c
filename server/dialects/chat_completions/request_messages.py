"""The messages of a chat request as turns: words, pictures, calls and their results in true roles."""

from collections.abc import Collection, Sequence
from typing import assert_never

from server.conversation.parts import Message, Part, Text, ToolCall, ToolResult
from server.dialects.chat_completions import tool_types as wire
from server.dialects.chat_completions.request_parts import result_parts, user_parts, words
from server.dialects.chat_completions.request_types import ChatMessage
from server.dialects.common.message_rules import MessageListBuilder
from server.dialects.common.raw_text_tools import wrapped
from server.dialects.common.tool_pairing import PairingErrors
from server.errors import InvalidRequest

# OpenAI's own words: clients look for them.
PAIRS = PairingErrors(
    unanswered="An assistant message with 'tool_calls' must be followed by tool messages responding to each"
    " 'tool_call_id'. The following tool_call_ids did not have response messages: {ids}",
    unasked="Invalid parameter: messages with role 'tool' must be a response to a preceeding message with"
    " 'tool_calls'.",
)


def conversation_from(messages: Sequence[ChatMessage], text_tools: Collection[str]) -> tuple[str, tuple[Message, ...]]:
    """Returns the system prompt and the messages. `text_tools` names the tools that take raw text.

    Raises `InvalidRequest` that names the field that Claude cannot take.
    """
    builder = MessageListBuilder("messages")
    older: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        match message.role:
            case "system" | "developer":
                builder.system([text.text for text in words(message, place)])
            case "user":
                builder.user(user_parts(message, place), place)
            case "assistant":
                older += _older_calls(message, number)
                builder.assistant(_spoken(message, number, text_tools), place)
            case "tool":
                if message.tool_call_id is None:
                    raise InvalidRequest(f"{place}.tool_call_id is required.", param=f"{place}.tool_call_id")
                builder.result(ToolResult(message.tool_call_id, result_parts(message, place)), place)
            case "function":
                builder.result(ToolResult(_take(older, message.name or ""), result_parts(message, place)), place)
            case _:
                assert_never(message.role)
    return builder.end(PAIRS)


def _spoken(message: ChatMessage, number: int, text_tools: Collection[str]) -> list[Part]:
    """What the assistant said: its words, then its calls."""
    place = f"messages[{number}]"
    if message.audio:
        raise InvalidRequest(
            f"{place}.audio: Claude takes no sound.", param=f"{place}.audio", hint="Send its words as content."
        )
    said: list[Part] = [*words(message, place)]
    if message.refusal is not None:
        said.append(Text(message.refusal))
    for position, call in enumerate(message.tool_calls or ()):
        said.append(_call(call, f"{place}.tool_calls[{position}]", text_tools))
    if message.function_call is not None:
        function = message.function_call
        said.append(ToolCall(_older_id(number), function.name, _arguments(function, text_tools)))
    return said


def _call(call: wire.Call, place: str, text_tools: Collection[str]) -> ToolCall:
    if call.function is not None:
        return ToolCall(call.id, call.function.name, _arguments(call.function, text_tools))
    if call.custom is not None:
        return ToolCall(call.id, call.custom.name, wrapped(call.custom.input))
    raise InvalidRequest(f"{place}.function is required.", param=f"{place}.function")


def _arguments(function: wire.FunctionCall, text_tools: Collection[str]) -> str:
    """The arguments as JSON; those of a tool that takes text are that text, as the reply gave it."""
    return wrapped(function.arguments) if function.name in text_tools else function.arguments


def _older_id(number: int) -> str:
    """The id of a call in the older form, which has none: the same whenever this conversation comes again."""
    return f"function_call_{number}"


def _older_calls(message: ChatMessage, number: int) -> list[tuple[str, str]]:
    return [] if message.function_call is None else [(message.function_call.name, _older_id(number))]


def _take(open_calls: list[tuple[str, str]], name: str) -> str:
    """The id of the first open call of `name`, which is no longer open then."""
    for entry in open_calls:
        if entry[0] == name or not name:
            open_calls.remove(entry)
            return entry[1]
    return f"function_call_of_{name}"
