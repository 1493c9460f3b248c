"""Converts the messages of a Chat Completions request."""

from collections.abc import Collection, Sequence

from server.conversation.parts import Message
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.history.message_reader import MessageReader
from server.dialects.common.history.message_rules import Conversation


def conversation_from(
    request: ChatRequest, raw_text_tools: Collection[str], before: Sequence[Message] = ()
) -> Conversation:
    """Returns the conversation, which continues `before`. `raw_text_tools` names the tools that take raw text.

    Raises `InvalidRequest` that names the field that Claude cannot take.
    """
    is_system = [message.is_system for message in request.messages]
    reader = MessageReader("messages", raw_text_tools, is_system, before=before)
    reader.builder.add_system_field(request.instructions, "instructions")
    reader.builder.add_system_field(request.system_prompt, "system_prompt")
    reader.builder.add_system_field(request.system, "system")
    for number, message in enumerate(request.messages):
        reader.add(message, f"messages[{number}]", number)
    return reader.conversation()
