"""Parses requests of Anthropic's Messages API into `ModelRequest`s.

The client's own cache marks are left out: which blocks are marked is decided where the conversation is replayed.
"""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType, UnionType
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
from server.conversation.text import is_blank
from server.dialects.common.attachments import (
    document_from_base64,
    document_from_text,
    document_from_url,
    image_from_base64,
    image_from_url,
)
from server.dialects.common.message_rules import MessageListBuilder
from server.dialects.common.output_schema import AnswerSchema, answer_schema
from server.dialects.common.raw_text_tools import wrapped
from server.dialects.common.tool_pairing import PairingErrors
from server.dialects.common.wire_types import read
from server.dialects.messages import request_types as wire
from server.dialects.messages.request_tools import choice_from, idle_tools, tools_from
from server.dialects.messages.request_types import MessagesRequest
from server.errors import InvalidRequest

# Anthropic's own words: clients look for them.
PAIRS = PairingErrors(
    unanswered="`tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each `tool_use` block"
    " must have a corresponding `tool_result` block in the next message.",
    unasked="unexpected `tool_use_id` found in `tool_result` blocks: {ids}. Each `tool_result` block must have a"
    " corresponding `tool_use` block in the previous message.",
)

EFFORTS = ("low", "medium", "high", "xhigh", "max")
# Each field with the values that ask for nothing anyway: only another value is named.
_WITHOUT_EFFECT: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "temperature": (1,),
        "top_p": (1,),
        "top_k": (),
        "metadata": ({},),
        "service_tier": ("auto", "standard_only"),
        "container": (),
        "context_management": ({},),
        "mcp_servers": ([],),
        "user": ("",),
    }
)
_FORWARDED = frozenset({"temperature", "top_p"})


def parse_messages(body: object) -> MessagesRequest:
    """The parsed JSON `body` as a request. Raises `InvalidRequest` that names the field that is wrong."""
    return read(MessagesRequest, body)


def request_from_messages(request: MessagesRequest, *, owner: str, forwards_sampling: bool = False) -> ModelRequest:
    """The request as a turn; `owner` says whose it is. `forwards_sampling`: temperature and top_p go to Claude.

    Its settings show thoughts where the request switches thinking on. Raises `InvalidRequest` for what cannot be asked
    of Claude.
    """
    tools = tools_from(request.tools or ())
    system, messages = _conversation(request, {tool.name for tool in tools if tool.takes_text})
    schema = _schema(request)
    thinking = request.thinking.type if request.thinking else None
    return ModelRequest(
        messages=messages,
        model=request.model,
        profile=Profile(system=system, tools=tools, owner=owner),
        settings=ModelSettings(
            effort=_effort(request),
            max_tokens=request.max_tokens,
            # Claude's API refuses stop sequences of nothing but white space.
            stop_sequences=tuple(stop for stop in request.stop_sequences or () if not is_blank(stop)),
            tool_choice=choice_from(request.tool_choice, tools),
            schema=schema.text if schema else None,
            thinks=thinking != "disabled",
            shows_thinking=thinking in {"enabled", "adaptive"},
            temperature=request.temperature if forwards_sampling else None,
            top_p=request.top_p if forwards_sampling else None,
        ),
        ignored=(*_ignored(request, forwards_sampling=forwards_sampling), *(schema.ignored if schema else ())),
    )


def _conversation(request: MessagesRequest, text_tools: Collection[str]) -> tuple[str, tuple[Message, ...]]:
    builder = MessageListBuilder("messages")
    if isinstance(request.system, str):
        builder.system([request.system])
    elif request.system is not None:
        builder.system([block.text for block in request.system])
    for number, message in enumerate(request.messages):
        place = f"messages[{number}]"
        placed = list(_placed(message.content, f"{place}.content", text_tools))
        parts = [part for _, part in placed]
        match message.role:
            case "user":
                _refuse_all_but(Text | Image | Document | ToolResult, placed, "the user's")
                _ask(builder, parts, place)
            case "assistant":
                _refuse_all_but(Text | Thinking | RedactedThinking | ToolCall, placed, "the assistant's")
                builder.assistant(parts, place)
            case "system" | "developer":
                _refuse_all_but(Text, placed, "the system's")
                builder.system([part.text for part in parts if isinstance(part, Text)])
            case _:
                assert_never(message.role)
    return builder.end(PAIRS)


def _ask(builder: MessageListBuilder, parts: list[Part], place: str) -> None:
    """A message of the user's: results of tools, and what else it says."""
    results = [part for part in parts if isinstance(part, ToolResult)]
    others = [part for part in parts if not isinstance(part, ToolResult)]
    for result in results:
        builder.result(result, place)
    says_nothing = all(isinstance(part, Text) and is_blank(part.text) for part in others)
    if not results or not says_nothing:
        builder.user(others, place)


def _refuse_all_but(kinds: type | UnionType, placed: list[tuple[str, Part]], whose: str) -> None:
    for where, part in placed:
        if not isinstance(part, kinds):
            raise InvalidRequest(f"{where} is a block that only another's message can hold, not {whose}.", param=where)


def _placed(content: wire.Content, place: str, text_tools: Collection[str]) -> Iterator[tuple[str, Part]]:
    """The parts, each with its place."""
    if isinstance(content, str):
        yield place, Text(content)
        return
    for number, block in enumerate(content):
        where = f"{place}[{number}]"
        match block:
            case wire.CallBlock():
                yield where, ToolCall(block.id, block.name, _arguments(block, text_tools))
            case wire.ResultBlock():
                parts = tuple(_result(block.content, f"{where}.content"))
                if block.is_error and not parts:
                    # As Claude's API does.
                    raise InvalidRequest(f"{where}.content must say what the error is.", param=f"{where}.content")
                yield where, ToolResult(block.tool_use_id, parts, block.is_error)
            case wire.ThinkingBlock():
                if block.signature:
                    yield where, Thinking(block.thinking, block.signature)
            case wire.RedactedBlock():
                yield where, RedactedThinking(block.data)
            case _:
                yield where, _shown(block, where)


def _arguments(block: wire.CallBlock, text_tools: Collection[str]) -> str:
    """The input as JSON; that of a tool that takes text may be the text itself, as the reply gave it."""
    is_raw = block.name in text_tools and not block.input.lstrip().startswith("{")
    return wrapped(block.input) if is_raw else block.input


def _result(content: wire.ResultContent, place: str) -> Iterator[Text | Image | Document]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for number, block in enumerate(content):
        part = _shown(block, f"{place}[{number}]")
        if not isinstance(part, Text) or part.text:
            yield part


def _shown(
    block: wire.TextBlock | wire.MediaBlock | wire.ImageBlock | wire.OtherBlock, place: str
) -> Text | Image | Document:
    match block:
        case wire.TextBlock():
            return Text(block.text)
        case wire.MediaBlock():
            return _media(block, f"{place}.source")
        case wire.ImageBlock():
            return image_from_url(block.image_url, f"{place}.image_url")
        case wire.OtherBlock():
            raise InvalidRequest(
                f"{place}.type is not one that Drawbridge knows.",
                param=f"{place}.type",
                hint="Send blocks of type 'text', 'image', 'document', 'tool_use' or 'tool_result'.",
            )
        case _:
            assert_never(block)


def _media(block: wire.MediaBlock, place: str) -> Image | Document:
    source = block.source
    is_image = block.type == "image"
    match source.type:
        case "base64" if source.data is not None:
            if is_image:
                return image_from_base64(source.data, source.media_type, f"{place}.data")
            return document_from_base64(source.data, source.media_type, f"{place}.data", title=block.title)
        case "url" if source.url is not None:
            if is_image:
                return image_from_url(source.url, f"{place}.url")
            return document_from_url(source.url, f"{place}.url", title=block.title)
        case "text" if source.data is not None and not is_image:
            return document_from_text(source.data, f"{place}.data", title=block.title)
        case "file":
            raise InvalidRequest(
                f"{place}: Drawbridge keeps no files, so an id names none.", param=place, hint="Send the data itself."
            )
        case "base64" | "url":
            field = "url" if source.type == "url" else "data"
            raise InvalidRequest(f"{place}.{field} is required.", param=f"{place}.{field}")
        case _:
            raise InvalidRequest(f"{place}.type must be 'base64', 'url' or 'text'.", param=f"{place}.type")


def _schema(request: MessagesRequest) -> AnswerSchema | None:
    form = request.output_config.format if request.output_config else None
    if form is None or form.type == "text":
        return None
    if form.type != "json_schema" or form.schema_ is None:
        raise InvalidRequest(
            "output_config.format must be of type 'json_schema', with a schema.", param="output_config.format"
        )
    return answer_schema(form.schema_, "output_config.format.schema")


def _effort(request: MessagesRequest) -> str | None:
    effort = request.output_config.effort if request.output_config else None
    if effort is not None and effort not in EFFORTS:
        raise InvalidRequest(f"output_config.effort must be one of {', '.join(EFFORTS)}.", param="output_config.effort")
    return effort


def _ignored(request: MessagesRequest, *, forwards_sampling: bool) -> Iterator[str]:
    for name, idle in _WITHOUT_EFFECT.items():
        value = getattr(request, name)
        if value is not None and value not in idle and not (forwards_sampling and name in _FORWARDED):
            yield name
    if any(map(is_blank, request.stop_sequences or ())):
        yield "stop_sequences"
    if request.thinking is not None and request.thinking.budget_tokens is not None:
        yield "thinking.budget_tokens"
    yield from idle_tools(request.tools or ())
