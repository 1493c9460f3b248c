"""Reads the media type and the dimensions of a file from its first bytes, without decoding it."""

import re

PDF = "application/pdf"
# The header of a frame: marker, length and precision. The size follows.
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..[\x08\x0c\x10]", re.DOTALL)


def media_type_of(content: bytes) -> str | None:
    """Returns the media type by the first bytes; None if Claude's API does not support it."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return PDF if b"%PDF-" in content[:1024] else None


def dimensions(media_type: str, content: bytes) -> tuple[int, int] | None:
    """Returns width and height in pixels by the header of an image; None if it has none, or if one is zero."""
    match media_type:
        case "image/png":
            width, height = _big(content[16:20]), _big(content[20:24])
        case "image/gif":
            width, height = _little(content[6:8]), _little(content[8:10])
        case "image/webp":
            width, height = _webp_dimensions(content) if len(content) >= 30 else (0, 0)
        case _:
            frame = _JPEG_FRAME.search(content)
            at = frame.end() if frame else len(content)
            height, width = _big(content[at : at + 2]), _big(content[at + 2 : at + 4])
    return (width, height) if width and height else None


def _webp_dimensions(content: bytes) -> tuple[int, int]:
    """Those of WebP's three formats; two store them minus one."""
    match content[12:16]:
        case b"VP8X":
            return _little(content[24:27]) + 1, _little(content[27:30]) + 1
        case b"VP8L":
            bits = _little(content[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(content[26:28]) & 0x3FFF, _little(content[28:30]) & 0x3FFF
        case _:
            return 0, 0


def _big(field: bytes) -> int:
    return int.from_bytes(field, "big")


def _little(field: bytes) -> int:
    return int.from_bytes(field, "little")
