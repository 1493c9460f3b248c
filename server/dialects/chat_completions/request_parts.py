"""The content of one message as neutral parts: words as they are, pictures and files where they may stand."""

from typing import assert_never

from server.conversation.parts import Document, Image, Text
from server.dialects.chat_completions.part_types import (
    BlockPart,
    ContentPart,
    FileFields,
    FilePart,
    ImagePart,
    InputFilePart,
    OtherPart,
    RefusalPart,
    TextPart,
)
from server.dialects.chat_completions.request_types import ChatMessage
from server.dialects.common.attachments import (
    document_from_base64,
    document_from_text,
    document_from_url,
    image_from_base64,
    image_from_url,
)
from server.errors import InvalidRequest

Shown = Text | Image | Document

_SOUND = frozenset({"input_audio", "audio"})
_ELSEWHERE = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})


def words(message: ChatMessage, place: str) -> list[Text]:
    """The content of a message that can only hold words. Raises `InvalidRequest` for a picture or file in it."""
    texts = []
    for number, part in enumerate(_shown(message, place)):
        if not isinstance(part, Text):
            where = f"{place}.content[{number}]"
            raise InvalidRequest(
                f"{where}: pictures and files can stand in the user's messages and in the results of tools, and this"
                f" message is the {'assistant' if message.role == 'assistant' else 'system'}'s.",
                param=where,
                hint="Move it to a message with the role 'user'.",
            )
        texts.append(part)
    return texts


def user_parts(message: ChatMessage, place: str) -> list[Shown]:
    """The content of a user's message."""
    return _shown(message, place)


def result_parts(message: ChatMessage, place: str) -> tuple[Shown, ...]:
    """The content of a tool's result; it may be empty."""
    return tuple(part for part in _shown(message, place) if not isinstance(part, Text) or part.text)


def _shown(message: ChatMessage, place: str) -> list[Shown]:
    if message.content is None:
        return []
    if isinstance(message.content, str):
        return [Text(message.content)]
    return [_part(part, f"{place}.content[{number}]") for number, part in enumerate(message.content)]


def _part(part: ContentPart, place: str) -> Shown:
    match part:
        case TextPart():
            return Text(part.text)
        case RefusalPart():
            return Text(part.refusal)
        case ImagePart():
            if part.image_url is None:
                raise _no_store(f"{place}.file_id") if part.file_id else _missing(f"{place}.image_url")
            return image_from_url(part.image_url.url, f"{place}.image_url")
        case FilePart():
            return _file(part.file, f"{place}.file")
        case InputFilePart():
            return _file(part, place)
        case BlockPart():
            return _block(part, f"{place}.source")
        case OtherPart():
            raise _unknown(part.type, place)
        case _:
            assert_never(part)


def _file(file: FileFields, place: str) -> Image | Document:
    if file.file_data is not None:
        where = f"{place}.file_data"
        if file.file_data.lstrip()[:5].lower() == "data:":
            return document_from_url(file.file_data, where, title=file.filename)
        return document_from_base64(file.file_data, None, where, title=file.filename)
    if file.file_url is not None:
        return document_from_url(file.file_url, f"{place}.file_url", title=file.filename)
    raise _no_store(f"{place}.file_id") if file.file_id else _missing(f"{place}.file_data")


def _block(part: BlockPart, place: str) -> Image | Document:
    """A block of Anthropic's."""
    source = part.source
    match source.type:
        case "base64" if source.data is not None:
            if part.type == "image":
                return image_from_base64(source.data, source.media_type, f"{place}.data")
            return document_from_base64(source.data, source.media_type, f"{place}.data", title=part.title)
        case "url" if source.url is not None:
            if part.type == "image":
                return image_from_url(source.url, f"{place}.url")
            return document_from_url(source.url, f"{place}.url", title=part.title)
        case "text" if source.data is not None and part.type == "document":
            return document_from_text(source.data, f"{place}.data", title=part.title)
        case "file":
            raise _no_store(place)
        case "base64" | "url" | "text":
            raise _missing(f"{place}.{'url' if source.type == 'url' else 'data'}")
        case _:
            raise InvalidRequest(f"{place}.type must be 'base64', 'url' or 'text'.", param=f"{place}.type")


def _missing(place: str) -> InvalidRequest:
    return InvalidRequest(f"{place} is required.", param=place)


def _no_store(place: str) -> InvalidRequest:
    return InvalidRequest(
        f"{place}: Drawbridge keeps no files, so an id names none.",
        param=place,
        hint="Send the data itself, as a data URL.",
    )


def _unknown(kind: str, place: str) -> InvalidRequest:
    if kind in _SOUND:
        return InvalidRequest(f"{place}: Claude takes no sound.", param=place, hint="Send its words as text.")
    if kind in _ELSEWHERE:
        return InvalidRequest(
            f"{place}: calls and results stand elsewhere in a chat request.",
            param=place,
            hint="Send calls as tool_calls, and results as messages with the role 'tool'.",
        )
    return InvalidRequest(
        f"{place}.type is not one that Drawbridge knows.",
        param=f"{place}.type",
        hint="Send parts of type 'text', 'image_url' or 'file'.",
    )
