"""The types of a request of Anthropic's Messages API, with what Cursor mixes in of OpenAI's."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from server.dialects.common.content_types import AnyImageUrl, MediaBlock
from server.dialects.common.effort import ThinkingFields
from server.dialects.common.lenient import Flag, TokenLimit
from server.dialects.common.options import OutputFormat, WithoutEffect
from server.dialects.common.stops import Stop
from server.dialects.common.tool_types import ToolFields
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    JsonObject,
    JsonText,
    Name,
    OtherPart,
    StreamOptions,
    String,
    WireModel,
    string_or_array,
    string_or_object,
    tag_by_type,
)

_VISIBLE = {"text": "<text>", "image": "<media>", "document": "<media>", "image_url": "<image>"}
_NO_BLOCK = "must be an object with a type, such as {'type': 'text', 'text': ...}"


class TextBlock(WireModel):
    """Text; its cache marks and citations are ignored."""

    text: String


class ImageBlock(WireModel):
    """An image as Chat Completions writes it, which Cursor mixes in."""

    image_url: AnyImageUrl


VisibleBlock = (
    Annotated[TextBlock, Tag("<text>")]
    | Annotated[MediaBlock, Tag("<media>")]
    | Annotated[ImageBlock, Tag("<image>")]
    | Annotated[OtherPart, Tag("<other>")]
)
ResultContent = Annotated[
    Annotated[String, Tag("<string>")]
    | Annotated[
        list[Annotated[VisibleBlock, Discriminator(tag_by_type(_VISIBLE), CUSTOM_ERROR, _NO_BLOCK)]],
        Field(fail_fast=True),
        Tag("<array>"),
    ],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of blocks"),
]


class ToolUseBlock(WireModel):
    """A call of a tool."""

    id: Name
    name: Name
    input: JsonText = "{}"


class ToolResultBlock(WireModel):
    """The result of a call."""

    tool_use_id: Name
    content: ResultContent = ""
    is_error: bool = False


class ThinkingBlock(WireModel):
    """Claude's thinking. Without its signature it cannot be sent back to Claude."""

    thinking: String = ""
    signature: String | None = None


class RedactedThinkingBlock(WireModel):
    """Thinking that only Claude's API can decrypt."""

    data: String


Block = Annotated[
    VisibleBlock
    | Annotated[ToolUseBlock, Tag("<call>")]
    | Annotated[ToolResultBlock, Tag("<result>")]
    | Annotated[ThinkingBlock, Tag("<thinking>")]
    | Annotated[RedactedThinkingBlock, Tag("<redacted>")],
    Discriminator(
        tag_by_type(
            {
                **_VISIBLE,
                "tool_use": "<call>",
                "tool_result": "<result>",
                "thinking": "<thinking>",
                "redacted_thinking": "<redacted>",
            }
        ),
        CUSTOM_ERROR,
        _NO_BLOCK,
    ),
]
Content = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[Block], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of blocks"),
]
System = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[TextBlock], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of text blocks"),
]


class Message(WireModel):
    """A message. Some clients send the system prompt as one."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class Tool(ToolFields):
    """A tool; Cursor also sends OpenAI's forms, also custom tools."""

    type: String | None = None
    input_schema: JsonObject | None = None
    function: ToolFields | None = None


class ChosenTool(WireModel):
    """Whether Claude may call tools, must, must not, or must call the tool `name`."""

    type: String
    name: Name | None = None
    disable_parallel_tool_use: bool = False


Choice = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[ChosenTool, Tag("<object>")],
    Discriminator(string_or_object, CUSTOM_ERROR, "must be an object with a type, such as {'type': 'auto'}"),
]


class OutputConfig(WireModel):
    """The effort for the answer, and its format."""

    effort: object = None
    format: OutputFormat | None = None


class MessagesRequest(ThinkingFields):
    """A request of the Messages API."""

    messages: Annotated[list[Message], Field(fail_fast=True)]
    model: String = ""
    system: System | None = None
    max_tokens: TokenLimit = None
    stream: Flag = False
    stream_options: StreamOptions | None = None
    stop_sequences: Stop | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    output_config: OutputConfig | None = None

    temperature: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_p: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_k: Annotated[object, WithoutEffect()] = None
    metadata: Annotated[object, WithoutEffect(neutral=({},))] = None
    service_tier: Annotated[object, WithoutEffect(neutral=("auto", "standard_only"))] = None
    container: Annotated[object, WithoutEffect()] = None
    context_management: Annotated[object, WithoutEffect(neutral=({},))] = None
    mcp_servers: Annotated[object, WithoutEffect(neutral=([],))] = None
    user: Annotated[object, WithoutEffect(neutral=("",))] = None
