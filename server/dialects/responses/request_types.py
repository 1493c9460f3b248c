"""What a client of OpenAI's Responses API may send: tolerant of what it adds, exact about what it says."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    JsonObject,
    JsonText,
    Number,
    String,
    Tokens,
    WireModel,
    text_or_list,
)

Name = Annotated[String, Field(min_length=1)]


def _url(value: object) -> object:
    # As the chat dialect has it.
    return value.get("url") if isinstance(value, Mapping) else value


def _kind(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else None


_PARTS = {
    **dict.fromkeys(("input_text", "output_text", "text", "summary_text"), "<text>"),
    **dict.fromkeys(("input_image", "image_url"), "<image>"),
    "input_file": "<file>",
    "refusal": "<refusal>",
}
_ITEMS = {
    "message": "<message>",
    "function_call": "<call>",
    "custom_tool_call": "<text call>",
    **dict.fromkeys(("function_call_output", "custom_tool_call_output"), "<result>"),
}


def _kind_of_part(value: object) -> str | None:
    kind = _kind(value)
    return None if kind is None else _PARTS.get(kind, "<other>")


def _kind_of_item(value: object) -> str | None:
    """An item without a type is a message, as in the short form `{"role": "user", "content": "..."}`."""
    kind = _kind(value)
    if kind is None:
        return "<message>" if isinstance(value, Mapping | WireModel) else None
    return _ITEMS.get(kind, "<other>")


def _text_or_object(value: object) -> str | None:
    if isinstance(value, str):
        return "<text>"
    return "<object>" if isinstance(value, Mapping | WireModel) else None


class TextPart(WireModel):
    """String."""

    text: String


class RefusalPart(WireModel):
    """What the assistant said when it declined."""

    refusal: String


class ImagePart(WireModel):
    """A picture: its address, often a data URL."""

    image_url: Annotated[String, BeforeValidator(_url)] | None = None
    file_id: String | None = None


class FilePart(WireModel):
    """A file: its data in base64, or where it is."""

    file_data: String | None = None
    file_url: String | None = None
    file_id: String | None = None
    filename: String | None = None


class OtherPart(WireModel):
    """A part of a kind that cannot be taken."""

    type: String


Part = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[RefusalPart, Tag("<refusal>")]
    | Annotated[ImagePart, Tag("<image>")]
    | Annotated[FilePart, Tag("<file>")]
    | Annotated[OtherPart, Tag("<other>")],
    Discriminator(
        _kind_of_part, CUSTOM_ERROR, "must be an object with a type, as in {'type': 'input_text', 'text': ...}"
    ),
]
Content = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[list[Part], Field(fail_fast=True), Tag("<list>")],
    Discriminator(text_or_list, CUSTOM_ERROR, "must be a text or a list of parts"),
]


class MessageItem(WireModel):
    """A message of anybody's."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class CallItem(WireModel):
    """Claude called a function."""

    call_id: Name
    name: Name
    arguments: JsonText = ""


class TextCallItem(WireModel):
    """Claude called a tool that takes raw text."""

    call_id: Name
    name: Name
    input: String = ""


class ResultItem(WireModel):
    """What a tool gave back."""

    call_id: Name
    output: Content = ""


class OtherItem(WireModel):
    """An item of another kind: `request` says what becomes of it."""

    type: String


Item = Annotated[
    Annotated[MessageItem, Tag("<message>")]
    | Annotated[CallItem, Tag("<call>")]
    | Annotated[TextCallItem, Tag("<text call>")]
    | Annotated[ResultItem, Tag("<result>")]
    | Annotated[OtherItem, Tag("<other>")],
    Discriminator(_kind_of_item, CUSTOM_ERROR, "must be an object, as in {'role': 'user', 'content': ...}"),
]
Input = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[list[Item], Field(fail_fast=True), Tag("<list>")],
    Discriminator(text_or_list, CUSTOM_ERROR, "must be a text or a list of items"),
]


class ToolFields(WireModel):
    """A tool, without saying of which kind."""

    name: Name | None = None
    description: String = ""
    parameters: JsonObject | None = None
    format: JsonObject | None = None
    strict: bool | None = None


class Tool(ToolFields):
    """A tool: flat, as this API has it, or nested as in the chat dialect."""

    type: String = "function"
    function: ToolFields | None = None
    custom: ToolFields | None = None


class ChosenTool(WireModel):
    """The tool that shall be called, or those that may be."""

    type: String = "function"
    name: Name | None = None
    function: ToolFields | None = None
    mode: String = "auto"
    tools: list["ChosenTool"] | None = None


Choice = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[ChosenTool, Tag("<object>")],
    Discriminator(_text_or_object, CUSTOM_ERROR, "must be a word or an object that names a tool"),
]


class Reasoning(WireModel):
    """How much Claude shall think, and whether it tells."""

    effort: String | None = None
    summary: String | None = None


class Format(WireModel):
    """The form that the answer shall have."""

    type: String = "text"
    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None


class TextOptions(WireModel):
    """How the answer's text shall be."""

    format: Format | None = None
    verbosity: String | None = None


class StreamOptions(WireModel):
    """How a stream is told."""

    include_usage: bool = False


class ResponsesRequest(WireModel):
    """A request for a response."""

    input: Input = Field(default_factory=list)
    instructions: String | None = None
    model: String = ""
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_output_tokens: Tokens | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool = True
    reasoning: Reasoning | None = None
    text: TextOptions | None = None
    previous_response_id: String | None = None

    temperature: Number | None = None
    top_p: Number | None = None
    store: bool | None = None
    background: bool | None = None
    truncation: String | None = None
    metadata: dict[str, object] | None = None
    service_tier: String | None = None
    user: String | None = None
    prompt_cache_key: String | None = None
    safety_identifier: String | None = None
    max_tool_calls: object = None
    conversation: object = None
    prompt: object = None
