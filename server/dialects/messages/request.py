"""Converts requests of Anthropic's Messages API into neutral requests; the client's cache marks are dropped."""

from collections.abc import Collection, Iterator, Sequence

from server.conversation.parts import Message
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.common.answers.answer_format import OutputConfig, answer_from
from server.dialects.common.effort import effort_in, wants_thinking_text
from server.dialects.common.history.message_reader import MessageReader
from server.dialects.common.history.message_rules import Conversation
from server.dialects.common.options import fields_without_effect, sampling_value
from server.dialects.common.stops import stops_from
from server.dialects.common.tools.conversion import changes_in, raw_text_names
from server.dialects.common.wire_types import validated
from server.dialects.messages.request_tools import choice_from, server_tools, tools_from
from server.dialects.messages.request_types import MessagesRequest


def parse_messages(body: object) -> MessagesRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(MessagesRequest, body)


def request_from_messages(
    messages: MessagesRequest, *, owner: str, forwards_sampling: bool = False, before: Sequence[Message] = ()
) -> ModelRequest:
    """Returns the neutral request of `owner`, which continues `before`.

    Raises `InvalidRequest` for what Claude does not support.
    """
    tools = tools_from(messages.tools or ())
    conversation = _conversation(messages, raw_text_names(tools), before)
    output = messages.output_config or OutputConfig()
    place = "output_format" if output.format is None else "output_config.format"
    wanted = answer_from(output.format or messages.output_format, place, is_nested=False)
    effort, stops = effort_in(messages, ("output_config.effort", output.effort)), stops_from(messages.stop_sequences)
    choice = choice_from(messages.tool_choice, tools, parallel=messages.parallel_tool_calls)
    choice, tools, answer = wanted.offered(choice, tools)
    return ModelRequest(
        messages=conversation.messages,
        model=messages.model,
        profile=Profile(system=conversation.system, tools=tools, owner=owner),
        settings=ModelSettings(
            # Without thinking, Anthropic's default effort stays.
            effort=effort.level if effort.thinks or output.effort else None,
            max_tokens=messages.max_tokens,
            stop_sequences=stops.upstream,
            tool_choice=choice,
            schema=wanted.schema,
            thinks=effort.thinks,
            shows_thinking=effort.thinks and wants_thinking_text(messages),
            temperature=sampling_value(messages.temperature) if forwards_sampling else None,
            top_p=sampling_value(messages.top_p) if forwards_sampling else None,
        ),
        ignored=(
            *_ignored(messages, forwards_sampling=forwards_sampling),
            *effort.ignored,
            *(["stop_sequences"] if stops.has_more else []),
            *wanted.ignored,
            *conversation.ignored,
            *messages.repaired,
            *changes_in(tools),
        ),
        cut_at=stops.cut,
        answer=answer,
    )


def _conversation(
    messages: MessagesRequest, raw_text_tools: Collection[str], before: Sequence[Message]
) -> Conversation:
    is_system = [message.is_system for message in messages.messages]
    reader = MessageReader("messages", raw_text_tools, is_system, before=before)
    reader.builder.add_system_field(messages.system, "system")
    for number, message in enumerate(messages.messages):
        reader.add(message, f"messages[{number}]", number)
    return reader.conversation()


def _ignored(messages: MessagesRequest, *, forwards_sampling: bool) -> Iterator[str]:
    yield from fields_without_effect(messages, forwards_sampling=forwards_sampling)
    yield from server_tools(messages.tools or ())
