"""Converts the content of a client's message into neutral parts."""

import re
from collections.abc import Collection
from typing import Literal, assert_never

from server.conversation.parts import Document, Image, Part, RedactedThinking, Text, Thinking, ToolCall, ToolResult
from server.dialects.common.content.attachments import (
    document_from_base64,
    document_from_text,
    document_from_url,
    image_from_base64,
    image_from_url,
)
from server.dialects.common.content.content_types import (
    Content,
    FileFields,
    FilePart,
    ImagePart,
    InputFilePart,
    MediaBlock,
    RedactedThinkingBlock,
    RefusalPart,
    ResultContent,
    SupportedPart,
    TextPart,
    ThoughtPart,
    ToolResultBlock,
    ToolUseBlock,
)
from server.dialects.common.refusals import audio_not_supported, missing_field, no_stored_files, unknown_type
from server.dialects.common.tools.raw_text_tools import wrapped
from server.dialects.common.tools.tool_pairing import CallIds
from server.dialects.common.wire_types import OtherPart
from server.errors import InvalidRequest
from server.large_json import loads

VisiblePart = Text | Image | Document

_AUDIO = frozenset({"input_audio", "audio"})
ContentRole = Literal["system", "user", "assistant", "result"]
EMPTY_ERROR = "(The tool failed without a message.)"
_NO_ARGUMENTS = frozenset({"", "null", "[]", '""'})


class ContentReader:
    """Converts the contents of one conversation. `left_out` names the parts that were left out.

    `raw_text_tools` names the tools that take raw text. `unsupported_field` is the field of a part that errors about
    audio name, such as ".type".
    """

    def __init__(self, ids: CallIds, raw_text_tools: Collection[str], *, unsupported_field: str = "") -> None:
        self._ids = ids
        self._raw_text_tools = raw_text_tools
        self._unsupported_field = unsupported_field
        self.left_out: list[str] = []

    def parts(self, content: Content | ResultContent | None, place: str, role: ContentRole) -> list[Part]:
        """Returns the parts of a message of `role` at `place`. Raises `InvalidRequest` that names a wrong part."""
        if content is None or isinstance(content, str):
            return [] if content is None else [Text(content)]
        converted: list[Part] = []
        for number, part in enumerate(content):
            where = f"{place}[{number}]"
            match part:
                case ThoughtPart() | RedactedThinkingBlock():
                    thought = _thought(part) if role == "assistant" else None
                    if thought is None:
                        self.left_out.append(f"{where} ({part.type})")
                    else:
                        converted.append(thought)
                case ToolUseBlock():
                    _require(role == "assistant", part.type, where, role)
                    arguments = call_arguments(
                        part.input, is_raw_text=part.name in self._raw_text_tools, may_be_json=True
                    )
                    converted.append(
                        ToolCall(self._ids.of_call(part.id, part.name, made_id(where)), part.name, arguments)
                    )
                case ToolResultBlock():
                    _require(role == "user", part.type, where, role)
                    converted.append(self._result(part, where))
                case _:
                    converted.append(self._visible(part, where, role))
        return converted

    def result(self, content: ResultContent | Content, place: str) -> tuple[VisiblePart, ...]:
        """Returns the parts of a tool's result, which may be empty, without empty texts."""
        parts = [part for part in self.parts(content, place, "result") if isinstance(part, Text | Image | Document)]
        return tuple(part for part in parts if not isinstance(part, Text) or part.text)

    def _result(self, block: ToolResultBlock, place: str) -> ToolResult:
        parts = self.result(block.content, f"{place}.content")
        if block.is_error and not parts:
            # Claude's API refuses an error without text.
            parts = (Text(EMPTY_ERROR),)
        return ToolResult(self._ids.of_result(block.tool_use_id, None), parts, block.is_error)

    def _visible(self, part: SupportedPart | OtherPart, place: str, role: ContentRole) -> VisiblePart:
        if isinstance(part, OtherPart):
            raise _unsupported(part.type, place, f"{place}{self._unsupported_field}")
        visible = _part_from(part, place)
        if not isinstance(visible, Text) and role in {"assistant", "system"}:
            raise InvalidRequest(
                f"{place}: images and files are allowed only in user messages and tool results; this is"
                f" {'an' if role == 'assistant' else 'a'} {role} message.",
                param=place,
                hint="Move it to a message with the role 'user'.",
            )
        return visible


def made_id(place: str) -> str:
    """Returns the id of a call at `place` that has none; the same each time the client sends the conversation."""
    return "call_" + re.sub(r"\W+", "_", place).strip("_")


def call_arguments(arguments: str, *, is_raw_text: bool = False, may_be_json: bool = False) -> str:
    """Returns a call's arguments as JSON. Those of a raw text tool are the text itself, as our replies contain it.

    `may_be_json`: they are the text only if they do not start like an object. Clients write "no arguments" in many
    ways: as blank text, null, an empty string or an empty array. Some encode them twice.
    """
    if is_raw_text and not (may_be_json and arguments.lstrip().startswith("{")):
        return wrapped(arguments)
    stripped = arguments.strip()
    if stripped in _NO_ARGUMENTS:
        return "{}"
    if stripped.startswith('"'):
        try:
            inner = loads(stripped)
        except ValueError:
            return arguments
        if isinstance(inner, str) and (not inner.strip() or inner.lstrip().startswith("{")):
            return inner.strip() or "{}"
    return arguments


def _thought(part: ThoughtPart | RedactedThinkingBlock) -> Thinking | RedactedThinking | None:
    if isinstance(part, RedactedThinkingBlock):
        return RedactedThinking(part.data) if part.data else None
    is_signed = part.type == "thinking" and part.signature
    return Thinking(part.thinking, part.signature) if is_signed else None


def _require(is_allowed: bool, kind: str, place: str, role: ContentRole) -> None:  # noqa: FBT001
    if not is_allowed:
        raise InvalidRequest(f"{place}: blocks of type '{kind}' are not allowed in {role} messages.", param=place)


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
    return unknown_type(
        place, hint="Send text ('text', 'input_text'), images ('image_url', 'input_image') or files ('file')."
    )
