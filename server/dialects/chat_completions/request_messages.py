"""Converts the messages of a Chat Completions request."""

from collections.abc import Collection
from typing import assert_never

from server.conversation.parts import Part, Text, ToolCall, ToolResult
from server.dialects.chat_completions import request_types as wire
from server.dialects.common.content.reader import ContentReader, call_arguments, made_id
from server.dialects.common.message_rules import Conversation, MessageListBuilder
from server.dialects.common.refusals import audio_not_supported, missing_field
from server.dialects.common.tools.raw_text_tools import wrapped
from server.dialects.common.tools.tool_pairing import CallIds


def conversation_from(request: wire.ChatRequest, raw_text_tools: Collection[str]) -> Conversation:
    """Returns the conversation. `raw_text_tools` names the tools that take raw text.

    Raises `InvalidRequest` that names the field that Claude cannot take.
    """
    return _Reader(raw_text_tools).conversation(request)


class _Reader:
    def __init__(self, raw_text_tools: Collection[str]) -> None:
        self._ids = CallIds()
        self._content = ContentReader(self._ids, raw_text_tools)
        self._raw_text_tools = raw_text_tools
        self._builder = MessageListBuilder("messages")

    def conversation(self, request: wire.ChatRequest) -> Conversation:
        if request.instructions:
            self._builder.add_system([request.instructions], "instructions")
        self._builder.add_system_field(request.system)
        for number, message in enumerate(request.messages):
            self._add(message, f"messages[{number}]", number)
        for place in self._content.left_out:
            self._builder.ignore(place)
        return self._builder.build()

    def _add(self, message: wire.ChatMessage, place: str, number: int) -> None:
        where = f"{place}.content"
        match message.role:
            case "system" | "developer":
                parts = self._content.parts(message.content, where, "system")
                self._builder.add_system((part.text for part in parts if isinstance(part, Text)), place, message.name)
            case "user":
                self._ids.end_turn()
                self._builder.add_user(self._content.parts(message.content, where, "user"), place, message.name)
            case "assistant":
                self._builder.add_assistant(self._assistant_parts(message, place, number), place, message.name)
            case "tool" | "function":
                given = message.tool_call_id if message.role == "tool" else None
                call = self._ids.of_result(given, message.name or message.tool_name)
                content = "" if message.content is None else message.content
                self._builder.add_user([ToolResult(call, self._content.result(content, where))], place)
            case _:
                assert_never(message.role)

    def _assistant_parts(self, message: wire.ChatMessage, place: str, number: int) -> list[Part]:
        """Returns the assistant's text, then its calls."""
        if message.audio:
            raise audio_not_supported(f"{place}.audio", hint="Send a transcript as content.")
        parts = self._content.parts(message.content, f"{place}.content", "assistant")
        if message.refusal is not None:
            parts.append(Text(message.refusal))
        for position, call in enumerate(message.tool_calls or ()):
            parts.append(self._call(call, f"{place}.tool_calls[{position}]"))
        if message.function_call is not None:
            parts.append(self._function_call(message.function_call, None, f"function_call_{number}"))
        return parts

    def _call(self, call: wire.ToolCall, place: str) -> ToolCall:
        if call.function is not None:
            return self._function_call(call.function, call.id, made_id(place))
        if call.custom is not None:
            id_ = self._ids.of_call(call.id, call.custom.name, made_id(place))
            return ToolCall(id_, call.custom.name, wrapped(call.custom.input))
        raise missing_field(f"{place}.function")

    def _function_call(self, function: wire.FunctionCall, given: str | None, made: str) -> ToolCall:
        arguments = call_arguments(function.arguments, is_raw_text=function.name in self._raw_text_tools)
        return ToolCall(self._ids.of_call(given, function.name, made), function.name, arguments)
