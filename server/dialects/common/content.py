"""Converts the content of a client's message into neutral parts."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from server.conversation.parts import Document, Image, Text
from server.dialects.common.attachments import (
    document_from_base64,
    document_from_text,
    document_from_url,
    image_from_base64,
    image_from_url,
)
from server.dialects.common.content_types import (
    Content,
    FileFields,
    FilePart,
    ImagePart,
    InputFilePart,
    MediaBlock,
    RefusalPart,
    SupportedPart,
    TextPart,
)
from server.dialects.common.refusals import audio_not_supported, missing_field, no_stored_files, unknown_type
from server.dialects.common.wire_types import OtherPart
from server.errors import InvalidRequest

VisiblePart = Text | Image | Document

_AUDIO = frozenset({"input_audio", "audio"})
_ANTHROPIC_ONLY = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})


def parts_from(content: Content, place: str, *, unsupported_field: str = "") -> list[VisiblePart]:
    """Returns the parts of OpenAI content. Raises `InvalidRequest` that names a part that Claude cannot take.

    `unsupported_field` is the field of audio and of foreign blocks that the error names, such as ".type".
    """
    if isinstance(content, str):
        return [Text(content)]
    parts = []
    for number, part in enumerate(content):
        where = f"{place}[{number}]"
        if isinstance(part, OtherPart):
            raise _unsupported(part.type, where, f"{where}{unsupported_field}")
        parts.append(_part_from(part, where))
    return parts


def without_empty_text(parts: Iterable[VisiblePart]) -> tuple[VisiblePart, ...]:
    """Returns the parts of a tool result, which may be empty, without empty texts."""
    return tuple(part for part in parts if not isinstance(part, Text) or part.text)


def texts_only(parts: Sequence[VisiblePart], place: str, *, role: str) -> list[Text]:
    """Returns the parts of a system or assistant message. Raises `InvalidRequest` if one is not text."""
    texts = [part for part in parts if isinstance(part, Text)]
    if len(texts) < len(parts):
        number = next(number for number, part in enumerate(parts) if not isinstance(part, Text))
        where = f"{place}[{number}]"
        raise InvalidRequest(
            f"{where}: images and files are allowed only in user messages and tool results; this is"
            f" {'an assistant' if role == 'assistant' else 'a system'} message.",
            param=where,
            hint="Move it to a message with the role 'user'.",
        )
    return texts


def media_from(block: MediaBlock, place: str) -> Image | Document:
    """Returns the image or document of an Anthropic media block at `place`."""
    source, place = block.source, f"{place}.source"
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
            raise no_stored_files(place)
        case "base64" | "url" | "text":
            raise missing_field(f"{place}.{'url' if source.type == 'url' else 'data'}")
        case _:
            raise InvalidRequest(f"{place}.type must be 'base64', 'url' or 'text'.", param=f"{place}.type")


def _part_from(part: SupportedPart, place: str) -> VisiblePart:
    match part:
        case TextPart():
            return Text(part.text)
        case RefusalPart():
            return Text(part.refusal)
        case ImagePart():
            if part.image_url is None:
                raise no_stored_files(f"{place}.file_id") if part.file_id else missing_field(f"{place}.image_url")
            return image_from_url(part.image_url.url, f"{place}.image_url")
        case FilePart():
            return _file_from(part.file, f"{place}.file")
        case InputFilePart():
            return _file_from(part, place)
        case MediaBlock():
            return media_from(part, place)
        case _:
            assert_never(part)


def _file_from(file: FileFields, place: str) -> Image | Document:
    if file.file_data is not None:
        where = f"{place}.file_data"
        if file.file_data.lstrip()[:5].lower() == "data:":
            return document_from_url(file.file_data, where, title=file.filename)
        return document_from_base64(file.file_data, None, where, title=file.filename)
    if file.file_url is not None:
        return document_from_url(file.file_url, f"{place}.file_url", title=file.filename)
    raise no_stored_files(f"{place}.file_id") if file.file_id else missing_field(f"{place}.file_data")


def _unsupported(kind: str, place: str, param: str) -> InvalidRequest:
    if kind in _AUDIO:
        return audio_not_supported(param, hint="Send a transcript as text.")
    if kind in _ANTHROPIC_ONLY:
        return InvalidRequest(
            f"{param}: blocks of this type belong to Anthropic's Messages API.",
            param=param,
            hint="Send tool calls and their results as this API writes them, and leave thinking out.",
        )
    return unknown_type(
        place, hint="Send text ('text', 'input_text'), images ('image_url', 'input_image') or files ('file')."
    )
