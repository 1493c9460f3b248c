"""Parts of a message's content as OpenAI's APIs write them, and the media blocks of Anthropic's."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from server.dialects.common.lenient import Flag
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    JsonText,
    Name,
    OtherPart,
    String,
    WireModel,
    string_or_array,
    tag_by_type,
)


def _text_part(value: object) -> object:
    # LangChain puts plain strings into lists of parts.
    return {"type": "text", "text": value} if isinstance(value, str) else value


def _text_or_nothing(value: object) -> object:
    return value if isinstance(value, str) else ""


def _url_object(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class TextPart(WireModel):
    """Text."""

    type: Literal["text", "input_text", "output_text", "summary_text"]
    text: String


class SystemBlock(WireModel):
    """Text of a system prompt; its cache marks are ignored."""

    text: String


class RefusalPart(WireModel):
    """The assistant's refusal."""

    type: Literal["refusal"]
    refusal: String


class ImageUrl(WireModel):
    """The address of an image: `https:`, or the image itself in a `data:` URL."""

    url: String


AnyImageUrl = Annotated[ImageUrl, BeforeValidator(_url_object)]


class ImagePart(WireModel):
    """An image; its URL may also be a plain string."""

    type: Literal["image_url", "input_image"]
    image_url: AnyImageUrl | None = None
    file_id: String | None = None


class FileFields(WireModel):
    """A file: its data in base64, or its URL."""

    file_data: String | None = None
    file_url: String | None = None
    file_id: String | None = None
    filename: String | None = None


class FilePart(WireModel):
    """A file, as Chat Completions writes it."""

    type: Literal["file"]
    file: FileFields


class InputFilePart(FileFields):
    """A file, as the Responses API writes it."""

    type: Literal["input_file"]


class Source(WireModel):
    """The data of an Anthropic media block."""

    type: String
    media_type: String | None = None
    data: String | None = None
    url: String | None = None


class MediaBlock(WireModel):
    """An image or a document, as Anthropic's Messages API writes it."""

    type: Literal["image", "document"]
    source: Source
    title: String | None = None


_TEXT = ("text", "input_text", "output_text", "summary_text")
_VISIBLE_TAGS = {
    **dict.fromkeys(_TEXT, "<text>"),
    **dict.fromkeys(("image_url", "input_image"), "<image>"),
    **dict.fromkeys(("image", "document"), "<media>"),
    "refusal": "<refusal>",
    "file": "<file>",
    "input_file": "<input file>",
}
_NO_PART = "must be an object with a type, such as {'type': 'text', 'text': ...}"
SupportedPart = TextPart | RefusalPart | ImagePart | FilePart | InputFilePart | MediaBlock
_Visible = (
    Annotated[TextPart, Tag("<text>")]
    | Annotated[RefusalPart, Tag("<refusal>")]
    | Annotated[ImagePart, Tag("<image>")]
    | Annotated[FilePart, Tag("<file>")]
    | Annotated[InputFilePart, Tag("<input file>")]
    | Annotated[MediaBlock, Tag("<media>")]
    | Annotated[OtherPart, Tag("<other>")]
)
ResultPart = Annotated[
    _Visible, Discriminator(tag_by_type(_VISIBLE_TAGS), CUSTOM_ERROR, _NO_PART), BeforeValidator(_text_part)
]
ResultContent = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[ResultPart], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of parts"),
]


class ToolUseBlock(WireModel):
    """A call of a tool, as Anthropic's Messages API writes it."""

    type: Literal["tool_use"]
    id: String | None = None
    name: Name
    input: JsonText = "{}"


class ToolResultBlock(WireModel):
    """The result of a call, as Anthropic's Messages API writes it."""

    type: Literal["tool_result"]
    tool_use_id: String | None = None
    content: ResultContent = ""
    is_error: Flag = False


class ThoughtPart(WireModel):
    """A model's reasoning. Only with Claude's signature can it be sent back to Claude."""

    type: Literal["thinking", "reasoning", "reasoning_text", "think", "thought"]
    thinking: Annotated[String, BeforeValidator(_text_or_nothing)] = ""
    signature: Annotated[String, BeforeValidator(_text_or_nothing)] = ""


class RedactedThinkingBlock(WireModel):
    """Reasoning that only Claude's API can decrypt."""

    type: Literal["redacted_thinking"]
    data: Annotated[String, BeforeValidator(_text_or_nothing)] = ""


ContentPart = Annotated[
    _Visible
    | Annotated[ToolUseBlock, Tag("<call>")]
    | Annotated[ToolResultBlock, Tag("<result>")]
    | Annotated[ThoughtPart, Tag("<thought>")]
    | Annotated[RedactedThinkingBlock, Tag("<redacted>")],
    Discriminator(
        tag_by_type(
            {
                **_VISIBLE_TAGS,
                **dict.fromkeys(("thinking", "reasoning", "reasoning_text", "think", "thought"), "<thought>"),
                "tool_use": "<call>",
                "tool_result": "<result>",
                "redacted_thinking": "<redacted>",
            }
        ),
        CUSTOM_ERROR,
        _NO_PART,
    ),
    BeforeValidator(_text_part),
]
Content = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[ContentPart], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of parts"),
]
System = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[SystemBlock], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of text blocks"),
]
"""The `system` field of Anthropic's Messages API."""
