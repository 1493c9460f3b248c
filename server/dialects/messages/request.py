"""Converts requests of Anthropic's Messages API into neutral requests; the client's cache marks are dropped."""

from collections.abc import Collection, Iterator, Sequence
from types import UnionType
from typing import assert_never

from server.conversation.parts import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.common.attachments import image_from_url
from server.dialects.common.content import VisiblePart, media_from, without_empty_text
from server.dialects.common.content_types import MediaBlock
from server.dialects.common.effort import effort_in
from server.dialects.common.message_rules import MessageListBuilder
from server.dialects.common.options import fields_without_effect, sampling_value, schema_of
from server.dialects.common.raw_text_tools import wrapped
from server.dialects.common.refusals import unknown_type
from server.dialects.common.stops import stops_from
from server.dialects.common.tool_pairing import PairingErrors
from server.dialects.common.tools import raw_text_names
from server.dialects.common.wire_types import OtherPart, validated
from server.dialects.messages import request_types as wire
from server.dialects.messages.request_tools import choice_from, server_tools, tools_from
from server.dialects.messages.request_types import MessagesRequest
from server.errors import InvalidRequest

# Anthropic's own texts: clients look for them.
PAIRING_ERRORS = PairingErrors(
    call_without_result="`tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each"
    " `tool_use` block must have a corresponding `tool_result` block in the next message.",
    result_without_call="unexpected `tool_use_id` found in `tool_result` blocks: {ids}. Each `tool_result` block must"
    " have a corresponding `tool_use` block in the previous message.",
)


def parse_messages(body: object) -> MessagesRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(MessagesRequest, body)


def request_from_messages(messages: MessagesRequest, *, owner: str, forwards_sampling: bool = False) -> ModelRequest:
    """Returns the neutral request of `owner`. Raises `InvalidRequest` for what Claude does not support."""
    tools = tools_from(messages.tools or ())
    system, conversation = _conversation(messages, raw_text_names(tools))
    output = messages.output_config or wire.OutputConfig()
    schema = schema_of(output.format, "output_config.format")
    effort, stops = effort_in(messages, ("output_config.effort", output.effort)), stops_from(messages.stop_sequences)
    return ModelRequest(
        messages=conversation,
        model=messages.model,
        profile=Profile(system=system, tools=tools, owner=owner),
        settings=ModelSettings(
            # Without thinking, Anthropic's default effort stays.
            effort=effort.level if effort.thinks or output.effort else None,
            max_tokens=messages.max_tokens,
            stop_sequences=stops.upstream,
            tool_choice=choice_from(messages.tool_choice, tools),
            schema=schema.text,
            thinks=effort.thinks,
            shows_thinking=effort.thinks and _shows_thinking(messages),
            temperature=sampling_value(messages.temperature) if forwards_sampling else None,
            top_p=sampling_value(messages.top_p) if forwards_sampling else None,
        ),
        ignored=(
            *_ignored(messages, forwards_sampling=forwards_sampling),
            *effort.ignored,
            *(["stop_sequences"] if stops.has_more else []),
            *schema.ignored,
        ),
        cut_at=stops.cut,
    )


def _shows_thinking(messages: MessagesRequest) -> bool:
    """Whether `thinking` has a type that shows it."""
    return isinstance(messages.thinking, dict) and messages.thinking.get("type") in ("enabled", "adaptive")


def _conversation(messages: MessagesRequest, raw_text_tools: Collection[str]) -> tuple[str, tuple[Message, ...]]:
    builder = MessageListBuilder("messages", PAIRING_ERRORS)
    if isinstance(messages.system, str):
        builder.add_system([messages.system])
    elif messages.system is not None:
        builder.add_system(block.text for block in messages.system)
    for number, message in enumerate(messages.messages):
        place = f"messages[{number}]"
        placed = list(_placed_parts(message.content, f"{place}.content", raw_text_tools))
        parts = [part for _, part in placed]
        match message.role:
            case "user":
                _require_kinds(Text | Image | Document | ToolResult, placed, "user")
                builder.add_user(parts, place)
            case "assistant":
                _require_kinds(Text | Thinking | RedactedThinking | ToolCall, placed, "assistant")
                builder.add_assistant(parts, place)
            case "system" | "developer":
                _require_kinds(Text, placed, "system")
                builder.add_system(part.text for part in parts if isinstance(part, Text))
            case _:
                assert_never(message.role)
    return builder.build()


def _require_kinds(kinds: type | UnionType, placed: Sequence[tuple[str, Part]], role: str) -> None:
    for place, part in placed:
        if not isinstance(part, kinds):
            raise InvalidRequest(f"{place}: blocks of this type are not allowed in {role} messages.", param=place)


def _placed_parts(content: wire.Content, place: str, raw_text_tools: Collection[str]) -> Iterator[tuple[str, Part]]:
    """Yields the parts, each with its place."""
    if isinstance(content, str):
        yield place, Text(content)
        return
    for number, block in enumerate(content):
        where = f"{place}[{number}]"
        match block:
            case wire.ToolUseBlock():
                yield where, ToolCall(block.id, block.name, _arguments(block, raw_text_tools))
            case wire.ToolResultBlock():
                yield where, _result_from(block, where)
            case wire.ThinkingBlock():
                if block.signature:
                    yield where, Thinking(block.thinking, block.signature)
            case wire.RedactedThinkingBlock():
                yield where, RedactedThinking(block.data)
            case _:
                yield where, _visible_part(block, where)


def _arguments(block: wire.ToolUseBlock, raw_text_tools: Collection[str]) -> str:
    """Returns the input as JSON. That of a raw text tool may be the text itself, as our replies contain it."""
    is_raw = block.name in raw_text_tools and not block.input.lstrip().startswith("{")
    return wrapped(block.input) if is_raw else block.input


def _result_from(block: wire.ToolResultBlock, place: str) -> ToolResult:
    place = f"{place}.content"
    if isinstance(block.content, str):
        parts: list[VisiblePart] = [Text(block.content)]
    else:
        parts = [_visible_part(inner, f"{place}[{number}]") for number, inner in enumerate(block.content)]
    kept = without_empty_text(parts)
    if block.is_error and not kept:
        # Claude's API refuses it, too.
        raise InvalidRequest(f"{place} must not be empty when is_error is true.", param=place)
    return ToolResult(block.tool_use_id, kept, block.is_error)


def _visible_part(block: wire.VisibleBlock, place: str) -> VisiblePart:
    match block:
        case wire.TextBlock():
            return Text(block.text)
        case MediaBlock():
            return media_from(block, place)
        case wire.ImageBlock():
            return image_from_url(block.image_url.url, f"{place}.image_url")
        case OtherPart():
            raise unknown_type(
                place, hint="Send blocks of type 'text', 'image', 'document', 'tool_use' or 'tool_result'."
            )
        case _:
            assert_never(block)


def _ignored(messages: MessagesRequest, *, forwards_sampling: bool) -> Iterator[str]:
    yield from fields_without_effect(messages, forwards_sampling=forwards_sampling)
    yield from server_tools(messages.tools or ())
