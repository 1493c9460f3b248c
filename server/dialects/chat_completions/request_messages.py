"""Converts the messages of a Chat Completions request."""

from collections.abc import Collection

from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.history.message_reader import MessageReader
from server.dialects.common.history.message_rules import Conversation


def conversation_from(request: ChatRequest, raw_text_tools: Collection[str]) -> Conversation:
    """Returns the conversation. `raw_text_tools` names the tools that take raw text.

    Raises `InvalidRequest` that names the field that Claude cannot take.
    """
    reader = MessageReader("messages", raw_text_tools, [message.is_system for message in request.messages])
    reader.builder.add_system_field(request.instructions, "instructions")
    reader.builder.add_system_field(request.system, "system")
    for number, message in enumerate(request.messages):
        reader.add(message, f"messages[{number}]", number)
    return reader.conversation()
