"""Converts the content of a client's message into neutral parts."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal, assert_never

from server.conversation.parts import (
    Document,
    Image,
    Part,
    RedactedThinking,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from server.conversation.text import is_blank
from server.dialects.common.content.attachments import (
    document_from_base64,
    document_from_text,
    document_from_url,
    image_from_base64,
    image_from_url,
)
from server.dialects.common.content.content_types import (
    AUDIO_TYPES,
    CitedText,
    Content,
    FileFields,
    FilePart,
    ImagePart,
    InputFilePart,
    MediaBlock,
    RedactedThinkingBlock,
    RefusalPart,
    ResultContent,
    SearchResultBlock,
    SupportedPart,
    TextPart,
    ThoughtPart,
    ToolResultBlock,
    ToolUseBlock,
)
from server.dialects.common.refusals import audio_not_supported, missing_field, no_stored_files, unknown_type
from server.dialects.common.tools.call_arguments import UNKNOWN_TOOL, call_arguments, made_id
from server.dialects.common.tools.tool_pairing import CallIds
from server.dialects.common.wire_types import OtherPart
from server.errors import InvalidRequest

VisiblePart = Text | Image | Document | SearchResult
AnyPart = SupportedPart | OtherPart | ToolUseBlock | ToolResultBlock | ThoughtPart | RedactedThinkingBlock

ContentRole = Literal["system", "user", "assistant", "result"]
LEFT_OUT = "(A part of type '{kind}' was left out here: Claude cannot take it.)"
EMPTY_ERROR = "(The tool failed without a message.)"


class ContentReader:
    """Converts the contents of one conversation. `left_out` names the parts that were left out.

    A part that Claude cannot take raises `InvalidRequest`. In results, and where `is_history` is set, a text stands in
    its place instead, or nothing in the assistant's messages, so that the conversation can continue. In a system
    message it always raises.

    `raw_text_tools` names the tools that take raw text. `unsupported_field` is the field of a part that errors about
    audio name, such as ".type".
    """

    def __init__(self, ids: CallIds, raw_text_tools: Collection[str], *, unsupported_field: str = "") -> None:
        self._ids = ids
        self._raw_text_tools = raw_text_tools
        self._unsupported_field = unsupported_field
        self.left_out: list[str] = []
        self.is_history = False

    def parts(self, content: Content | ResultContent | None, place: str, role: ContentRole) -> list[Part]:
        """Returns the parts of a message of `role` at `place`. Raises `InvalidRequest` that names a wrong part."""
        if content is None or isinstance(content, str):
            return [] if content is None else [Text(content)]
        converted: list[Part] = []
        for number, part in enumerate(content):
            where = f"{place}[{number}]"
            try:
                converted += self._converted(part, where, role)
            except InvalidRequest:
                if role == "system" or (role != "result" and not self.is_history):
                    raise
                self.left_out.append(f"{where} ({part.type})")
                if role != "assistant":
                    converted.append(Text(LEFT_OUT.format(kind=part.type)))
        return converted

    def _converted(self, part: AnyPart, where: str, role: ContentRole) -> list[Part]:
        match part:
            case ThoughtPart() | RedactedThinkingBlock():
                thought = _thought(part) if role == "assistant" else None
                if thought is None:
                    self.left_out.append(f"{where} ({part.type})")
                return [] if thought is None else [thought]
            case ToolUseBlock():
                _require(role == "assistant", part.type, where, role)
                return [self._call(part, where)]
            case ToolResultBlock():
                _require(role == "user", part.type, where, role)
                return [self._result(part, where)]
            case _:
                return [self._visible(part, where, role)]

    def _call(self, block: ToolUseBlock, place: str) -> ToolCall:
        if not block.name:
            self.left_out.append(f"{place}.name (missing)")
        name = block.name or UNKNOWN_TOOL
        arguments = call_arguments(block.input, is_raw_text=name in self._raw_text_tools, may_be_json=True)
        return ToolCall(self._ids.of_call(block.id, name, made_id(place)), name, arguments)

    def result(self, content: ResultContent | Content, place: str, *, failed: bool = False) -> tuple[VisiblePart, ...]:
        """Returns the parts of a tool's result without empty texts. There may be none, unless the tool failed."""
        parts = (part for part in self.parts(content, place, "result") if isinstance(part, VisiblePart))
        kept = tuple(part for part in parts if not isinstance(part, Text) or part.text)
        # Claude's API refuses an error without text.
        return kept or ((Text(EMPTY_ERROR),) if failed else ())

    def _result(self, block: ToolResultBlock, place: str) -> ToolResult:
        parts = self.result(block.content, f"{place}.content", failed=block.is_error)
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
        case "content" if source.content and not is_image:
            return Document(title=block.title, blocks=_texts(source.content, f"{place}.content"))
        case "file":
            raise no_stored_files(place)
        case "base64" | "url" | "text":
            raise missing_field(f"{place}.{'url' if source.type == 'url' else 'data'}")
        case _:
            raise InvalidRequest(f"{place}.type must be 'base64', 'url', 'text' or 'content'.", param=f"{place}.type")


def _with_citations(media: Image | Document, block: MediaBlock) -> Image | Document:
    if isinstance(media, Image):
        return media
    return replace(media, context=block.context, cites=block.cites)


def _search_result(block: SearchResultBlock, place: str) -> SearchResult:
    texts = _texts(block.content or (), f"{place}.content")
    return SearchResult(block.source, block.title, texts, block.cites)


def _texts(texts: Sequence[CitedText], place: str) -> tuple[str, ...]:
    """Returns the texts without blank ones, which Claude's API refuses. Raises `InvalidRequest` without any."""
    kept = tuple(part.text for part in texts if not is_blank(part.text))
    if not kept:
        raise InvalidRequest(f"{place} contains no text.", param=place)
    return kept


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
            return _with_citations(media_from(part, place), part)
        case SearchResultBlock():
            return _search_result(part, place)
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
    if kind in AUDIO_TYPES:
        return audio_not_supported(param, hint="Send a transcript as text.")
    return unknown_type(
        place, hint="Send text ('text', 'input_text'), images ('image_url', 'input_image') or files ('file')."
    )
