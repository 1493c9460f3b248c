"""The parts of a message's content: words, pictures and files, in the spellings of three APIs."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from server.dialects.common.wire_types import CUSTOM_ERROR, String, WireModel, text_or_list


def _part(value: object) -> object:
    # LangChain lets a list of parts hold plain strings.
    return {"type": "text", "text": value} if isinstance(value, str) else value


def _url(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


_TAGS = {
    **dict.fromkeys(("text", "input_text", "output_text"), "<text>"),
    **dict.fromkeys(("image_url", "input_image"), "<image>"),
    **dict.fromkeys(("image", "document"), "<block>"),
    "refusal": "<refusal>",
    "file": "<file>",
    "input_file": "<input file>",
}


def _kind_of_part(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return _TAGS.get(kind, "<other>") if isinstance(kind, str) else None


class TextPart(WireModel):
    """String, in the chat spelling or in that of the Responses API."""

    type: Literal["text", "input_text", "output_text"]
    text: String


class RefusalPart(WireModel):
    """What the assistant said when it declined."""

    type: Literal["refusal"]
    refusal: String


class ImageUrl(WireModel):
    """Where a picture is; often the data itself."""

    url: String


class ImagePart(WireModel):
    """A picture, its address as an object or, in the Responses spelling, as a text."""

    type: Literal["image_url", "input_image"]
    image_url: Annotated[ImageUrl, BeforeValidator(_url)] | None = None
    file_id: String | None = None


class FileFields(WireModel):
    """A file: its data in base64, or where it is."""

    file_data: String | None = None
    file_url: String | None = None
    file_id: String | None = None
    filename: String | None = None


class FilePart(WireModel):
    """A file in the chat spelling."""

    type: Literal["file"]
    file: FileFields


class InputFilePart(FileFields):
    """A file in the Responses spelling."""

    type: Literal["input_file"]


class Source(WireModel):
    """Where a block of Anthropic's has its data."""

    type: String
    media_type: String | None = None
    data: String | None = None
    url: String | None = None


class BlockPart(WireModel):
    """A picture or a document as Anthropic's own API has it."""

    type: Literal["image", "document"]
    source: Source
    title: String | None = None


class OtherPart(WireModel):
    """A part of a kind that is not known, or that cannot be taken."""

    type: String


ContentPart = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[RefusalPart, Tag("<refusal>")]
    | Annotated[ImagePart, Tag("<image>")]
    | Annotated[FilePart, Tag("<file>")]
    | Annotated[InputFilePart, Tag("<input file>")]
    | Annotated[BlockPart, Tag("<block>")]
    | Annotated[OtherPart, Tag("<other>")],
    Discriminator(_kind_of_part, CUSTOM_ERROR, "must be an object with a type, as in {'type': 'text', 'text': ...}"),
    BeforeValidator(_part),
]
Content = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[list[ContentPart], Field(fail_fast=True), Tag("<list>")],
    Discriminator(text_or_list, CUSTOM_ERROR, "must be a text or a list of parts"),
]
