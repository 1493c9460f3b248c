"""Parses requests of OpenAI's Responses API into `ModelRequest`s."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import assert_never

from server.conversation.parts import Document, Image, Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.common.attachments import document_from_base64, document_from_url, image_from_url
from server.dialects.common.message_rules import MessageListBuilder
from server.dialects.common.output_schema import AnswerSchema, answer_schema
from server.dialects.common.raw_text_tools import wrapped
from server.dialects.common.tool_pairing import PairingErrors
from server.dialects.common.wire_types import read
from server.dialects.responses import request_types as wire
from server.dialects.responses.request_tools import choice_from, idle_tools, tools_from
from server.dialects.responses.request_types import ResponsesRequest
from server.errors import InvalidRequest

# OpenAI's own words: clients look for them.
PAIRS = PairingErrors(
    unanswered="No tool output found for function call {ids}.",
    unasked="No tool call found for function call output with call_id {ids}.",
    param="input",
)

_EFFORTS = MappingProxyType(
    {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)

# Each field with the values that ask for nothing anyway: only another value is named.
_WITHOUT_EFFECT: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "temperature": (1,),
        "top_p": (1,),
        "store": (False,),
        "background": (False,),
        "truncation": ("disabled",),
        "metadata": ({},),
        "service_tier": ("auto", "default"),
        "user": ("",),
        "prompt_cache_key": (),
        "safety_identifier": (),
        "max_tool_calls": (),
    }
)
_FORWARDED = frozenset({"temperature", "top_p"})
# What the provider's own machinery left behind: its thoughts are sealed for it alone, its tools are not here.
_LEFT_OUT = frozenset({"reasoning", "web_search_call", "file_search_call", "compaction"})

Shown = Text | Image | Document


def parse_responses(body: object) -> ResponsesRequest:
    """The parsed JSON `body` as a request. Raises `InvalidRequest` that names the field that is wrong."""
    return read(ResponsesRequest, body)


def request_from_responses(request: ResponsesRequest, *, owner: str, forwards_sampling: bool = False) -> ModelRequest:
    """The request as a turn; `owner` says whose it is. `forwards_sampling`: temperature and top_p go to Claude.

    Its settings show thoughts where the request wants a summary of them. Raises `InvalidRequest` for what cannot be
    asked of Claude.
    """
    _refuse_what_is_kept_elsewhere(request)
    tools = tools_from(request.tools or ())
    # All of them: a call of a tool that may not be called now stands in the history as it was made.
    texts = {tool.name for tool in tools if tool.takes_text}
    choice, tools = choice_from(request.tool_choice, tools, is_parallel=request.parallel_tool_calls)
    system, messages = _conversation(request, texts)
    schema = _schema(request)
    effort, thinks = _effort(request)
    return ModelRequest(
        messages=messages,
        model=request.model,
        profile=Profile(system=system, tools=tools, owner=owner),
        settings=ModelSettings(
            effort=effort,
            max_tokens=request.max_output_tokens,
            tool_choice=choice,
            schema=schema.text if schema else None,
            thinks=thinks,
            shows_thinking=thinks and request.reasoning is not None and request.reasoning.summary not in (None, "none"),
            temperature=request.temperature if forwards_sampling else None,
            top_p=request.top_p if forwards_sampling else None,
        ),
        ignored=(*_ignored(request, forwards_sampling=forwards_sampling), *(schema.ignored if schema else ())),
    )


def _refuse_what_is_kept_elsewhere(request: ResponsesRequest) -> None:
    """Responses and conversations that only their provider has. One whose turns all come along is not missed."""
    if request.previous_response_id and not _is_whole(request):
        raise InvalidRequest(
            "previous_response_id: Drawbridge keeps no responses, so there is nothing to go on with.",
            param="previous_response_id",
            hint="Send the whole conversation as input.",
        )
    for name in ("conversation", "prompt"):
        if getattr(request, name):
            raise InvalidRequest(
                f"{name}: Drawbridge keeps none.", param=name, hint="Send the whole conversation as input."
            )


def _is_whole(request: ResponsesRequest) -> bool:
    """Whether the input holds turns of the assistant's: then it is a history, and not only what is new."""
    return any(
        isinstance(item, wire.CallItem | wire.TextCallItem)
        or (isinstance(item, wire.MessageItem) and item.role == "assistant")
        for item in request.input
    )


def _conversation(request: ResponsesRequest, text_tools: Collection[str]) -> tuple[str, tuple[Message, ...]]:
    builder = MessageListBuilder("input")
    if request.instructions is not None:
        builder.system([request.instructions])
    if isinstance(request.input, str):
        builder.user([Text(request.input)], "input")
        return builder.end(PAIRS)
    for number, item in enumerate(request.input):
        place = f"input[{number}]"
        match item:
            case wire.MessageItem():
                _say(builder, item, place)
            case wire.CallItem():
                # The arguments of a tool that takes text are that text: so the reply gave it.
                arguments = wrapped(item.arguments) if item.name in text_tools else item.arguments
                builder.assistant([ToolCall(item.call_id, item.name, arguments)], place)
            case wire.TextCallItem():
                builder.assistant([ToolCall(item.call_id, item.name, wrapped(item.input))], place)
            case wire.ResultItem():
                builder.result(
                    ToolResult(item.call_id, tuple(_not_empty(_shown(item.output, f"{place}.output")))), place
                )
            case wire.OtherItem():
                if item.type not in _LEFT_OUT:
                    raise InvalidRequest(
                        f"{place}.type is not one that Drawbridge knows.",
                        param=f"{place}.type",
                        hint="Send messages, function calls and their outputs.",
                    )
            case _:
                assert_never(item)
    return builder.end(PAIRS)


def _say(builder: MessageListBuilder, item: wire.MessageItem, place: str) -> None:
    parts = _shown(item.content, f"{place}.content")
    if item.role == "user":
        builder.user(parts, place)
        return
    for number, part in enumerate(parts):
        if not isinstance(part, Text):
            where = f"{place}.content[{number}]"
            raise InvalidRequest(f"{where}: only the user's messages hold pictures and files.", param=where)
    if item.role == "assistant":
        builder.assistant(parts, place)
    else:
        builder.system([part.text for part in parts if isinstance(part, Text)])


def _shown(content: wire.Content, place: str) -> list[Shown]:
    if isinstance(content, str):
        return [Text(content)]
    return [_part(part, f"{place}[{number}]") for number, part in enumerate(content)]


def _not_empty(parts: list[Shown]) -> Iterator[Shown]:
    return (part for part in parts if not isinstance(part, Text) or part.text)


def _part(part: wire.Part, place: str) -> Shown:
    match part:
        case wire.TextPart():
            return Text(part.text)
        case wire.RefusalPart():
            return Text(part.refusal)
        case wire.ImagePart():
            if part.image_url is None:
                raise _without_data(place, "image_url", has_id=part.file_id is not None)
            return image_from_url(part.image_url, f"{place}.image_url")
        case wire.FilePart():
            return _file(part, place)
        case wire.OtherPart():
            raise InvalidRequest(
                f"{place}.type is not one that Drawbridge knows.",
                param=f"{place}.type",
                hint="Send parts of type 'input_text', 'input_image' or 'input_file'.",
            )
        case _:
            assert_never(part)


def _file(part: wire.FilePart, place: str) -> Image | Document:
    if part.file_data is not None:
        where = f"{place}.file_data"
        if part.file_data.lstrip()[:5].lower() == "data:":
            return document_from_url(part.file_data, where, title=part.filename)
        return document_from_base64(part.file_data, None, where, title=part.filename)
    if part.file_url is None:
        raise _without_data(place, "file_data", has_id=part.file_id is not None)
    return document_from_url(part.file_url, f"{place}.file_url", title=part.filename)


def _without_data(place: str, field: str, *, has_id: bool) -> InvalidRequest:
    if not has_id:
        return InvalidRequest(f"{place}.{field} is required.", param=f"{place}.{field}")
    return InvalidRequest(
        f"{place}.file_id: Drawbridge keeps no files, so an id names none.",
        param=f"{place}.file_id",
        hint="Send the data itself, as a data URL.",
    )


def _schema(request: ResponsesRequest) -> AnswerSchema | None:
    form = request.text.format if request.text else None
    if form is None or form.type == "text":
        return None
    if form.type != "json_schema":
        raise InvalidRequest(
            "text.format.type must be 'text' or 'json_schema'.",
            param="text.format.type",
            hint="Say with a schema which JSON is wanted.",
        )
    if form.schema_ is None:
        raise InvalidRequest("text.format.schema is required.", param="text.format.schema")
    return answer_schema(form.schema_, "text.format.schema")


def _effort(request: ResponsesRequest) -> tuple[str | None, bool]:
    """The effort, and whether Claude shall think at all."""
    effort = request.reasoning.effort if request.reasoning else None
    if effort is None:
        return None, True
    if effort not in _EFFORTS:
        raise InvalidRequest(f"reasoning.effort must be one of {', '.join(_EFFORTS)}.", param="reasoning.effort")
    return _EFFORTS[effort], effort != "none"


def _ignored(request: ResponsesRequest, *, forwards_sampling: bool) -> Iterator[str]:
    for name, idle in _WITHOUT_EFFECT.items():
        value = getattr(request, name)
        if value is not None and value not in idle and not (forwards_sampling and name in _FORWARDED):
            yield name
    if request.previous_response_id:
        yield "previous_response_id"
    if request.text and request.text.verbosity not in (None, "medium"):
        yield "text.verbosity"
    yield from idle_tools(request.tools or ())
