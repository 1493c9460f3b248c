"""The types of a request of OpenAI's Responses API."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Field, Tag

from server.dialects.common.answers.answer_format import AnyOutputFormat
from server.dialects.common.content.content_types import PART_TYPES, CallId, LooseText, ResultContent, System
from server.dialects.common.content.lenient_content import object_in_array
from server.dialects.common.effort import ThinkingFields
from server.dialects.common.history.message_types import CustomCall, FunctionCall, WireMessage, result_in
from server.dialects.common.history.roles import role_in
from server.dialects.common.lenient import OR_EMPTY, Flag, TokenLimit
from server.dialects.common.options import StreamOptions, WithoutEffect
from server.dialects.common.stops import Stop
from server.dialects.common.tools.tool_types import OpenAIToolChoice, WireTool, present
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    JsonObject,
    String,
    WireModel,
    string_or_array,
)


class FunctionCallItem(FunctionCall):
    """A call of a function. Its arguments are JSON in a string."""

    call_id: CallId = None
    id: CallId = None
    namespace: LooseText = None


class CustomCallItem(CustomCall):
    """A call of a tool that takes raw text."""

    call_id: CallId = None
    id: CallId = None
    namespace: LooseText = None


class CallOutputItem(WireModel):
    """The result of a call, also of OpenAI's own tools that the client runs, such as a shell."""

    type: String
    call_id: CallId = None
    id: CallId = None
    name: LooseText = None
    output: ResultContent = ""


class ResponsesTool(WireTool):
    """A tool, or a namespace of tools."""

    tools: Annotated[list[WireTool] | None, BeforeValidator(present), OR_EMPTY] = None


Tools = Annotated[list[ResponsesTool] | None, BeforeValidator(present), OR_EMPTY]


class ToolsItem(WireModel):
    """Tools among the items, as Codex sends them with models of its own."""

    type: String
    tools: Tools = None


class SealedItem(WireModel):
    """Reasoning or a compaction: what only the server that wrote it can read."""

    type: String
    encrypted_content: LooseText = None


_TAGS = {
    "message": "<message>",
    "function_call": "<function call>",
    "custom_tool_call": "<custom call>",
    "additional_tools": "<tools>",
    "reasoning": "<sealed>",
    "compaction": "<sealed>",
    "compaction_summary": "<sealed>",
}


def _item(value: object) -> object:
    """Returns the item as the API writes it: text and parts as messages, nested calls flat, results in `output`."""
    if isinstance(value, str):
        return {"role": "user", "content": value}
    if isinstance(value, dict) and isinstance(value.get("type"), str) and value["type"] in PART_TYPES:
        role = "assistant" if value["type"] in ("output_text", "refusal") else "user"
        return {"role": value.get("role") or role, "content": [value]}
    if not isinstance(value, dict):
        return value
    if value.get("type") == "function_call" and isinstance(value.get("function"), dict):
        return {**value, **value["function"]}
    is_output = str(value.get("type")).endswith("_output")
    return {**value, "output": result_in(value)} if is_output and value.get("output") is None else value


def _tag(value: object) -> str | None:
    if isinstance(value, WireModel):
        return _TAGS_OF_TYPES[type(value)]
    if not isinstance(value, Mapping):
        return None
    kind = value.get("type")
    if kind is None:
        # The short form: `{"role": "user", "content": "..."}`.
        return "<message>"
    if not isinstance(kind, str):
        return None
    # Some clients write a role into calls and outputs, too.
    if kind in _TAGS or kind.endswith(("_output", "_call")):
        return _TAGS.get(kind, "<output>" if kind.endswith("_output") else "<other>")
    # LangChain writes the role as the type.
    return "<message>" if role_in(value.get("role")) or role_in(kind) else "<other>"


_TAGS_OF_TYPES: Mapping[type, str] = {
    WireMessage: "<message>",
    FunctionCallItem: "<function call>",
    CustomCallItem: "<custom call>",
    CallOutputItem: "<output>",
    ToolsItem: "<tools>",
    SealedItem: "<sealed>",
}
Item = Annotated[
    Annotated[WireMessage, Tag("<message>")]
    | Annotated[FunctionCallItem, Tag("<function call>")]
    | Annotated[CustomCallItem, Tag("<custom call>")]
    | Annotated[CallOutputItem, Tag("<output>")]
    | Annotated[ToolsItem, Tag("<tools>")]
    | Annotated[SealedItem, Tag("<sealed>")]
    | Annotated[JsonObject, Tag("<other>")],
    Discriminator(_tag, CUSTOM_ERROR, "must be an object, such as {'role': 'user', 'content': ...}"),
    BeforeValidator(_item),
]
Input = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[Item], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of items"),
    BeforeValidator(object_in_array),
]


class TextOptions(WireModel):
    """Options of the answer's text."""

    format: AnyOutputFormat = None
    verbosity: object = None


class ResponsesRequest(ThinkingFields):
    """A request of the Responses API."""

    input: Input = Field(default_factory=list)
    instructions: Annotated[System | None, OR_EMPTY] = None
    system: Annotated[System | None, OR_EMPTY] = None
    model: String = ""
    stream: Flag = False
    stream_options: StreamOptions = None
    max_output_tokens: TokenLimit = None
    max_completion_tokens: TokenLimit = None
    max_tokens: TokenLimit = None
    stop: Stop | None = None
    tools: Tools = None
    tool_choice: Annotated[OpenAIToolChoice | None, OR_EMPTY] = None
    parallel_tool_calls: Flag = True
    text: Annotated[TextOptions | None, OR_EMPTY] = None
    response_format: AnyOutputFormat = None
    previous_response_id: LooseText = None
    conversation: object = None
    prompt: object = None

    temperature: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_p: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    store: Annotated[object, WithoutEffect(neutral=(False,))] = None
    background: Annotated[object, WithoutEffect(neutral=(False,))] = None
    truncation: Annotated[object, WithoutEffect(neutral=("disabled",))] = None
    metadata: Annotated[object, WithoutEffect(neutral=({},))] = None
    service_tier: Annotated[object, WithoutEffect(neutral=("auto", "default"))] = None
    user: Annotated[object, WithoutEffect(neutral=("",))] = None
    prompt_cache_key: Annotated[object, WithoutEffect()] = None
    safety_identifier: Annotated[object, WithoutEffect()] = None
    max_tool_calls: Annotated[object, WithoutEffect()] = None
