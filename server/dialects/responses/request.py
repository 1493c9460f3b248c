"""Converts requests of OpenAI's Responses API into neutral requests."""

from collections.abc import Collection, Iterator
from typing import assert_never

from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.common.content import VisiblePart, parts_from, texts_only, without_empty_text
from server.dialects.common.content_types import Content
from server.dialects.common.effort import effort_in, wants_summary
from server.dialects.common.message_rules import MessageListBuilder
from server.dialects.common.options import fields_without_effect, sampling_value, schema_of
from server.dialects.common.raw_text_tools import wrapped
from server.dialects.common.refusals import unknown_type
from server.dialects.common.stops import stops_from
from server.dialects.common.tool_pairing import PairingErrors
from server.dialects.common.tools import openai_choice, openai_tool, raw_text_names, resolved_choice, unique_tools
from server.dialects.common.wire_types import OtherPart, validated
from server.dialects.responses import request_types as wire
from server.dialects.responses.request_types import ResponsesRequest
from server.errors import InvalidRequest

# OpenAI's own texts: clients look for them.
PAIRING_ERRORS = PairingErrors(
    call_without_result="No tool output found for function call {ids}.",
    result_without_call="No tool call found for function call output with call_id {ids}.",
)

_CLIENT_TOOLS = frozenset({"function", "custom"})
# Items of OpenAI's own tools, and reasoning that only OpenAI can decrypt.
_SKIPPED_ITEMS = frozenset({"reasoning", "web_search_call", "file_search_call", "compaction"})


def parse_responses(body: object) -> ResponsesRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(ResponsesRequest, body)


def request_from_responses(responses: ResponsesRequest, *, owner: str, forwards_sampling: bool = False) -> ModelRequest:
    """Returns the neutral request of `owner`. Raises `InvalidRequest` for what Claude does not support."""
    _refuse_stored_context(responses)
    placed = ((f"tools[{number}]", tool) for number, tool in enumerate(responses.tools or ()))
    tools = unique_tools(
        (place, openai_tool(tool, place, is_nested=False)) for place, tool in placed if tool.type in _CLIENT_TOOLS
    )
    # Before the choice removes tools: the history may contain calls of tools that may not be called now.
    raw_text_tools = raw_text_names(tools)
    wanted = openai_choice(responses.tool_choice)
    choice, tools = resolved_choice(wanted, tools, parallel=responses.parallel_tool_calls)
    system, messages = _conversation(responses, raw_text_tools)
    schema = schema_of(responses.text.format if responses.text else None, "text.format")
    effort, stops = effort_in(responses), stops_from(responses.stop)
    return ModelRequest(
        messages=messages,
        model=responses.model,
        profile=Profile(system=system, tools=tools, owner=owner),
        settings=ModelSettings(
            effort=effort.level,
            max_tokens=responses.max_output_tokens,
            stop_sequences=stops.upstream,
            tool_choice=choice,
            schema=schema.text,
            thinks=effort.thinks,
            shows_thinking=effort.thinks and wants_summary(responses),
            temperature=sampling_value(responses.temperature) if forwards_sampling else None,
            top_p=sampling_value(responses.top_p) if forwards_sampling else None,
        ),
        ignored=(
            *_ignored(responses, forwards_sampling=forwards_sampling),
            *effort.ignored,
            *(["stop"] if stops.has_more else []),
            *schema.ignored,
        ),
        cut_at=stops.cut,
    )


def _refuse_stored_context(responses: ResponsesRequest) -> None:
    """Refuses references to what only OpenAI stores, except to a response whose items are all in the input."""
    if responses.previous_response_id and not _has_history(responses):
        raise InvalidRequest(
            "previous_response_id: Drawbridge stores no responses, so there is nothing to continue.",
            param="previous_response_id",
            hint="Send the whole conversation as input.",
        )
    for name in ("conversation", "prompt"):
        if getattr(responses, name):
            raise InvalidRequest(
                f"{name}: Drawbridge stores no {name}s.", param=name, hint="Send the whole conversation as input."
            )


def _has_history(responses: ResponsesRequest) -> bool:
    """Whether the input contains the assistant's items, so that it is a whole conversation."""
    return any(
        isinstance(item, wire.FunctionCallItem | wire.CustomCallItem)
        or (isinstance(item, wire.MessageItem) and item.role == "assistant")
        for item in responses.input
    )


def _conversation(responses: ResponsesRequest, raw_text_tools: Collection[str]) -> tuple[str, tuple[Message, ...]]:
    builder = MessageListBuilder("input", PAIRING_ERRORS)
    if responses.instructions is not None:
        builder.add_system([responses.instructions])
    if isinstance(responses.input, str):
        builder.add_user([Text(responses.input)], "input")
        return builder.build()
    for number, item in enumerate(responses.input):
        place = f"input[{number}]"
        match item:
            case wire.MessageItem():
                _add_message(builder, item, place)
            case wire.FunctionCallItem():
                # The arguments of a raw text tool are the text itself, as our replies contain it.
                arguments = wrapped(item.arguments) if item.name in raw_text_tools else item.arguments
                builder.add_assistant([ToolCall(item.call_id, item.name, arguments)], place)
            case wire.CustomCallItem():
                builder.add_assistant([ToolCall(item.call_id, item.name, wrapped(item.input))], place)
            case wire.CallOutputItem():
                parts = without_empty_text(_parts(item.output, f"{place}.output"))
                builder.add_user([ToolResult(item.call_id, parts)], place)
            case OtherPart():
                if item.type not in _SKIPPED_ITEMS:
                    raise unknown_type(place, hint="Send messages, function calls and their outputs.")
            case _:
                assert_never(item)
    return builder.build()


def _add_message(builder: MessageListBuilder, item: wire.MessageItem, place: str) -> None:
    parts = _parts(item.content, f"{place}.content")
    if item.role == "user":
        builder.add_user(parts, place)
        return
    texts = texts_only(parts, f"{place}.content", role=item.role)
    if item.role == "assistant":
        builder.add_assistant(texts, place)
    else:
        builder.add_system(part.text for part in texts)


def _parts(content: Content, place: str) -> list[VisiblePart]:
    return parts_from(content, place, unsupported_field=".type")


def _ignored(responses: ResponsesRequest, *, forwards_sampling: bool) -> Iterator[str]:
    yield from fields_without_effect(responses, forwards_sampling=forwards_sampling)
    if responses.previous_response_id:
        yield "previous_response_id"
    if responses.text and responses.text.verbosity not in (None, "medium"):
        yield "text.verbosity"
    for number, tool in enumerate(responses.tools or ()):
        if tool.type not in _CLIENT_TOOLS:
            yield f"tools[{number}] ({tool.type})"
