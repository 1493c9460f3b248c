"""Parts of a message's content as OpenAI's APIs write them, and the media blocks of Anthropic's."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, TypeAdapter, ValidationError

from server.dialects.common.content.lenient_content import (
    TEXT_TYPES,
    as_content,
    as_part,
    loose_text,
    object_in_array,
    text_in,
)
from server.dialects.common.lenient import Flag
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    JsonText,
    OtherPart,
    String,
    WireModel,
    json_text,
    string_or_array,
    tag_by_type,
)


def _text_or_nothing(value: object) -> object:
    return value if isinstance(value, str) else ""


def _url_object(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _call_id(value: object) -> object:
    # Some clients number their calls.
    return loose_text(value) or None


def _text_blocks(value: object) -> object:
    return [value] if isinstance(value, str) else object_in_array(value)


LooseText = Annotated[String | None, BeforeValidator(loose_text)]
"""Text that may also be a number; any other JSON counts as absent."""
CallId = Annotated[String | None, BeforeValidator(_call_id)]
"""The id of a call. An empty one counts as absent."""


class TextPart(WireModel):
    """Text."""

    type: Literal["text", "input_text", "output_text", "summary_text"]
    text: Annotated[String, BeforeValidator(text_in)]


class SystemBlock(WireModel):
    """Text of a system prompt; its cache marks are ignored."""

    text: Annotated[String, BeforeValidator(text_in)]


class RefusalPart(WireModel):
    """The assistant's refusal."""

    type: Literal["refusal"]
    refusal: Annotated[String, BeforeValidator(text_in)] = ""


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
    filename: LooseText = None


class FilePart(WireModel):
    """A file, as Chat Completions writes it."""

    type: Literal["file"]
    file: FileFields


class InputFilePart(FileFields):
    """A file, as the Responses API writes it."""

    type: Literal["input_file"]


class CitedText(WireModel):
    """Text of a document or of a search result."""

    text: Annotated[String, BeforeValidator(text_in)]


Texts = Annotated[list[Annotated[CitedText, BeforeValidator(as_part)]] | None, BeforeValidator(_text_blocks)]
"""An array of text blocks, or one text."""


class Source(WireModel):
    """The data of an Anthropic media block."""

    type: String
    media_type: LooseText = None
    data: String | None = None
    url: String | None = None
    content: Texts = None


class CitableBlock(WireModel):
    """A block that Claude can cite in its answer."""

    citations: object = None

    @property
    def cites(self) -> bool:
        """Whether it is to be cited."""
        return isinstance(self.citations, dict) and self.citations.get("enabled") is True


class MediaBlock(CitableBlock):
    """An image or a document, as Anthropic's Messages API writes it."""

    type: Literal["image", "document"]
    source: Source
    title: LooseText = None
    context: LooseText = None


class SearchResultBlock(CitableBlock):
    """A result of the client's own search, as Anthropic's Messages API writes it."""

    type: Literal["search_result"]
    source: Annotated[String, BeforeValidator(text_in)] = ""
    title: Annotated[String, BeforeValidator(text_in)] = ""
    content: Texts = None


AUDIO_TYPES = frozenset({"input_audio", "audio"})
_VISIBLE_TAGS = {
    **dict.fromkeys(TEXT_TYPES, "<text>"),
    **dict.fromkeys(("image_url", "input_image"), "<image>"),
    **dict.fromkeys(("image", "document"), "<media>"),
    "search_result": "<search result>",
    "refusal": "<refusal>",
    "file": "<file>",
    "input_file": "<input file>",
}
PART_TYPES = frozenset(_VISIBLE_TAGS) | AUDIO_TYPES
"""The types of the parts of a user's message."""
_NO_PART = "must be an object with a type, such as {'type': 'text', 'text': ...}"
SupportedPart = TextPart | RefusalPart | ImagePart | FilePart | InputFilePart | MediaBlock | SearchResultBlock
_Visible = (
    Annotated[TextPart, Tag("<text>")]
    | Annotated[RefusalPart, Tag("<refusal>")]
    | Annotated[ImagePart, Tag("<image>")]
    | Annotated[FilePart, Tag("<file>")]
    | Annotated[InputFilePart, Tag("<input file>")]
    | Annotated[MediaBlock, Tag("<media>")]
    | Annotated[SearchResultBlock, Tag("<search result>")]
    | Annotated[OtherPart, Tag("<other>")]
)
ResultPart = Annotated[
    _Visible, Discriminator(tag_by_type(_VISIBLE_TAGS), CUSTOM_ERROR, _NO_PART), BeforeValidator(as_part)
]
_PARTS: TypeAdapter[SupportedPart | OtherPart] = TypeAdapter(ResultPart)


_HAS_DATA = frozenset({"source", "data", "base64", "image_url", "file"})


def as_result(value: object) -> object:
    """Returns the content of a tool's result: text, or parts. Any other JSON is its JSON text.

    A result may look like a part, such as the entry `{"type": "file", "name": "x"}` of a folder. So a part counts as
    one only if it is valid.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return [value] if _is_result_part(value) else json_text(value)
    if not isinstance(value, list):
        return json_text(value)
    is_part = [_is_result_part(item) for item in value]
    is_text = all(isinstance(item, str) for item in value)
    if not is_text and not any(found and isinstance(item, dict) for item, found in zip(value, is_part, strict=True)):
        return json_text(value)
    pairs = zip(value, is_part, strict=True)
    return [item if is_valid else json_text(item) for item, is_valid in pairs if item is not None and item is not False]


def _is_result_part(value: object) -> bool:
    if not isinstance(value, dict):
        return isinstance(value, str)
    if not isinstance(value.get("type"), str):
        return value.keys() == {"text"} and isinstance(value["text"], str)
    if value["type"] in ("image", "file") and not _HAS_DATA & value.keys():
        # An entry of a list, not the image or file itself.
        return False
    try:
        part = _PARTS.validate_python(value)
    except ValidationError:
        return False
    return part.type in AUDIO_TYPES if isinstance(part, OtherPart) else True


ResultContent = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[ResultPart], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of parts"),
    BeforeValidator(as_result),
]


class ToolUseBlock(WireModel):
    """A call of a tool, as Anthropic's Messages API writes it."""

    type: Literal["tool_use"]
    id: CallId = None
    name: Annotated[String, BeforeValidator(text_in)] = ""
    input: JsonText = "{}"


class ToolResultBlock(WireModel):
    """The result of a call, as Anthropic's Messages API writes it."""

    type: Literal["tool_result"]
    tool_use_id: CallId = None
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
    BeforeValidator(as_part),
]
Content = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[ContentPart], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of parts"),
    BeforeValidator(as_content),
]
System = Annotated[
    Annotated[String, Tag("<string>")]
    | Annotated[list[Annotated[SystemBlock, BeforeValidator(as_part)]], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of text blocks"),
    BeforeValidator(object_in_array),
]
"""The `system` field of Anthropic's Messages API."""
