"""Estimates the input tokens of a request. Only Claude's API counts exactly, and Claude Code cannot ask it."""

import base64
import binascii
import math
import re
from collections.abc import Iterable

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
from server.conversation.request import ModelRequest
from server.dialects.common.content.image_headers import dimensions

# Measured means: prose in English has about four bytes a token, code and other languages fewer.
_BYTES_PER_TOKEN = 3.5
_PER_MESSAGE, _PER_TOOL, _WITH_TOOLS = 4, 12, 340
# Anthropic's rules: pixels a token, and the longest side, to which larger pictures are shrunk.
_PIXELS_PER_TOKEN, _LONGEST_SIDE, _MOST_PER_IMAGE = 750, 1568, 1600
# A page of a PDF is read as text and as a picture.
_PER_PAGE = 2000
_PAGE = re.compile(rb"/Type\s*/Page\b")


def estimated_tokens(request: ModelRequest) -> int:
    """An estimate of the input tokens of `request`, without what Claude Code adds."""
    profile = request.profile
    tokens = _text(profile.system) + sum(_PER_MESSAGE + sum(map(_part, message.parts)) for message in request.messages)
    if profile.tools:
        tokens += _WITH_TOOLS
    tokens += _text(request.settings.schema or "")
    for tool in profile.tools:
        tokens += _PER_TOOL + _text(tool.name) + _text(tool.description) + _text(tool.schema)
    return max(1, math.ceil(tokens))


def _part(part: Part) -> float:
    match part:
        case Text(text=text) | Thinking(text=text):
            return _text(text)
        case RedactedThinking(data=data):
            return _text(data)
        case ToolCall():
            return _PER_TOOL + _text(part.name) + _text(part.arguments)
        case ToolResult():
            return _PER_TOOL + _parts(part.parts)
        case Image():
            return _image(part)
        case Document():
            return _text(part.title or "") + _text(part.context or "") + _document(part)
        case SearchResult():
            return sum(map(_text, (part.source, part.title, *part.texts)))


def _parts(parts: Iterable[Part]) -> float:
    return sum(map(_part, parts))


def _text(text: str) -> float:
    return len(text.encode(errors="replace")) / _BYTES_PER_TOKEN


def _image(image: Image) -> float:
    if image.data is None:
        return _MOST_PER_IMAGE
    try:
        sides = dimensions(image.media_type or "", base64.b64decode(image.data))
    except binascii.Error:
        sides = None
    if sides is None:
        return _MOST_PER_IMAGE
    width, height = sides
    scale = min(1.0, _LONGEST_SIDE / max(sides))
    return min(_MOST_PER_IMAGE, width * scale * height * scale / _PIXELS_PER_TOKEN)


def _document(document: Document) -> float:
    if document.blocks:
        return sum(map(_text, document.blocks))
    if document.data is None:
        return _PER_PAGE
    if document.media_type == "text/plain":
        return _text(document.data)
    try:
        pages = len(_PAGE.findall(base64.b64decode(document.data)))
    except (ValueError, binascii.Error):
        pages = 1
    return _PER_PAGE * max(1, pages)
