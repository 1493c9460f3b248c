"""Validates images and documents."""

import base64
import binascii
from collections.abc import Callable
from urllib.parse import urlsplit

from server.standin.validation.types import (
    DOCUMENT_SOURCES,
    IMAGE_MEDIA_TYPES,
    IMAGE_SOURCES,
    SOURCES,
    Rejected,
)

IMAGE_LIMIT = 5 * 1024 * 1024


def check_image(source: object, place: str) -> None:
    """Raises `Rejected` for an image that the API would not accept. URLs are not fetched."""
    kind, fields = _source(source, f"{place}.image.source", IMAGE_SOURCES)
    if kind != "base64":
        return
    where = f"{place}.image.source.base64"
    media_type, data = str(fields["media_type"]), str(fields["data"])
    if media_type not in IMAGE_MEDIA_TYPES:
        *first, last = (repr(name) for name in IMAGE_MEDIA_TYPES)
        raise Rejected(f"{where}.media_type: Input should be {', '.join(first)} or {last}")
    if len(data) > IMAGE_LIMIT:
        raise Rejected(f"{where}: image exceeds 5 MB maximum: {len(data)} bytes > {IMAGE_LIMIT} bytes")
    actual = _image_type(_decoded(data, f"{where}.data"))
    if actual is None:
        raise Rejected("Could not process image")
    if actual != media_type:
        raise Rejected(
            f"{where}.data: The image was specified using the {media_type} media type,"
            f" but the image appears to be a {actual} image"
        )


def check_document(source: object, place: str, check_content: Callable[[object, str], None]) -> None:
    """Raises `Rejected` for a document that the API would not accept; `check_content` checks nested blocks."""
    kind, fields = _source(source, f"{place}.document.source", DOCUMENT_SOURCES)
    where = f"{place}.document.source.{kind}"
    match kind:
        case "base64":
            if fields["media_type"] != "application/pdf":
                raise Rejected(f"{where}.media_type: Input should be 'application/pdf'")
            if b"%PDF-" not in _decoded(str(fields["data"]), f"{where}.data")[:1024]:
                raise Rejected(f"{place}.pdf.source.base64.data: The PDF specified was not valid.")
        case "text":
            if fields["media_type"] != "text/plain":
                raise Rejected(f"{where}.media_type: Input should be 'text/plain'")
        case "content":
            check_content(fields["content"], f"{where}.content")


def _source(source: object, place: str, kinds: tuple[str, ...]) -> tuple[str, dict[str, object]]:
    kind = source.get("type") if isinstance(source, dict) else None
    if not isinstance(kind, str):
        raise Rejected(f"{place}.type: Field required")
    if kind not in kinds:
        tags = ", ".join(repr(name) for name in kinds)
        raise Rejected(
            f"{place}: Input tag {kind!r} found using 'type' does not match any of the expected tags: {tags}"
        )
    fields = SOURCES[kind].check(source, f"{place}.{kind}")
    if kind == "url":
        url = urlsplit(str(fields["url"]))
        if url.scheme != "https" or not url.hostname:
            raise Rejected(f"{place}.url.url: Only HTTPS URLs are supported.")
    return kind, fields


def _decoded(data: str, place: str) -> bytes:
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected(f"{place}: invalid base64 data") from error
    if not content:
        raise Rejected(f"{place}: invalid base64 data")
    return content


def _image_type(content: bytes) -> str | None:
    """The media type by the first bytes."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None
