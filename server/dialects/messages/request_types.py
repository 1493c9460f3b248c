"""What a client of Anthropic's Messages API may send: tolerant of what it adds, exact about what it says."""

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
StopSequence = Annotated[String, Field(min_length=1)]

_BLOCKS = {
    "text": "<text>",
    "image": "<media>",
    "document": "<media>",
    "image_url": "<image>",
    "tool_use": "<call>",
    "tool_result": "<result>",
    "thinking": "<thinking>",
    "redacted_thinking": "<redacted>",
}


def _kind_of_block(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return _BLOCKS.get(kind, "<other>") if isinstance(kind, str) else None


def _url(value: object) -> object:
    return value.get("url") if isinstance(value, Mapping) else value


def _text_or_object(value: object) -> str | None:
    if isinstance(value, str):
        return "<text>"
    return "<object>" if isinstance(value, Mapping | WireModel) else None


class TextBlock(WireModel):
    """String. Cache marks and citations beside them are left out."""

    text: String


class Source(WireModel):
    """Where a picture or document is: in the request, or at an address."""

    type: String
    media_type: String | None = None
    data: String | None = None
    url: String | None = None
    content: object = None


class MediaBlock(WireModel):
    """A picture or a document."""

    type: Literal["image", "document"]
    source: Source
    title: String | None = None


class ImageBlock(WireModel):
    """A picture as the chat dialect has it, which Cursor mixes in."""

    image_url: Annotated[String, BeforeValidator(_url)]


class CallBlock(WireModel):
    """Claude called a tool."""

    id: Name
    name: Name
    input: JsonText = "{}"


class ThinkingBlock(WireModel):
    """Claude's thoughts. Without their seal they cannot be sent back."""

    thinking: String = ""
    signature: String | None = None


class RedactedBlock(WireModel):
    """Thoughts that only Claude's API can read."""

    data: String


class OtherBlock(WireModel):
    """A block of another kind."""

    type: String


_Shown = (
    Annotated[TextBlock, Tag("<text>")]
    | Annotated[MediaBlock, Tag("<media>")]
    | Annotated[ImageBlock, Tag("<image>")]
    | Annotated[OtherBlock, Tag("<other>")]
)


def _kind_of_shown(value: object) -> str | None:
    kind = _kind_of_block(value)
    return kind if kind in {None, "<text>", "<media>", "<image>"} else "<other>"


_A_BLOCK = "must be an object with a type, as in {'type': 'text', 'text': ...}"
ResultContent = Annotated[
    Annotated[String, Tag("<text>")]
    | Annotated[
        list[Annotated[_Shown, Discriminator(_kind_of_shown, CUSTOM_ERROR, _A_BLOCK)]],
        Field(fail_fast=True),
        Tag("<list>"),
    ],
    Discriminator(text_or_list, CUSTOM_ERROR, "must be a text or a list of blocks"),
]


class ResultBlock(WireModel):
    """What a tool gave back."""

    tool_use_id: Name
    content: ResultContent = ""
    is_error: bool = False


Block = Annotated[
    Annotated[TextBlock, Tag("<text>")]
    | Annotated[MediaBlock, Tag("<media>")]
    | Annotated[ImageBlock, Tag("<image>")]
    | Annotated[CallBlock, Tag("<call>")]
    | Annotated[ResultBlock, Tag("<result>")]
    | Annotated[ThinkingBlock, Tag("<thinking>")]
    | Annotated[RedactedBlock, Tag("<redacted>")]
    | Annotated[OtherBlock, Tag("<other>")],
    Discriminator(_kind_of_block, CUSTOM_ERROR, _A_BLOCK),
]
Content = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[list[Block], Field(fail_fast=True), Tag("<list>")],
    Discriminator(text_or_list, CUSTOM_ERROR, "must be a text or a list of blocks"),
]
System = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[list[TextBlock], Field(fail_fast=True), Tag("<list>")],
    Discriminator(text_or_list, CUSTOM_ERROR, "must be a text or a list of text blocks"),
]


class Message(WireModel):
    """One message. `system` among them is how some clients write the prompt."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class ToolFields(WireModel):
    """A tool as OpenAI writes it."""

    name: Name | None = None
    description: String = ""
    parameters: JsonObject | None = None


class Tool(ToolFields):
    """A tool; Cursor mixes in those of OpenAI's forms, also ones that take raw text."""

    type: String | None = None
    input_schema: JsonObject | None = None
    function: ToolFields | None = None
    format: JsonObject | None = None


class ChosenTool(WireModel):
    """Whether Claude may call, must, must not, or must call the tool `name`."""

    type: String
    name: Name | None = None
    disable_parallel_tool_use: bool = False


Choice = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[ChosenTool, Tag("<object>")],
    Discriminator(_text_or_object, CUSTOM_ERROR, "must be an object with a type, as in {'type': 'auto'}"),
]


class ThinkingOptions(WireModel):
    """Whether Claude shall think. A budget is Claude's own business here."""

    type: String
    budget_tokens: int | None = None


class Format(WireModel):
    """The form that the answer shall have."""

    type: String
    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None


class OutputConfig(WireModel):
    """How much Claude shall do for the answer, and its form."""

    effort: String | None = None
    format: Format | None = None


class StreamOptions(WireModel):
    """How a stream is told, in OpenAI's form."""

    include_usage: bool = False


class MessagesRequest(WireModel):
    """A request for a message."""

    messages: Annotated[list[Message], Field(fail_fast=True)]
    model: String = ""
    system: System | None = None
    max_tokens: Tokens | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    stop_sequences: Annotated[list[StopSequence], Field(fail_fast=True)] | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: ThinkingOptions | None = None
    output_config: OutputConfig | None = None

    temperature: Number | None = None
    top_p: Number | None = None
    top_k: int | None = None
    metadata: dict[str, object] | None = None
    service_tier: String | None = None
    container: object = None
    context_management: object = None
    mcp_servers: object = None
    user: String | None = None
