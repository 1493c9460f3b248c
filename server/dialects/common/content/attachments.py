"""Parses images and documents: the first bytes decide the media type, and nothing is fetched.

Each function takes the `place` of the part, and raises an `InvalidRequest` that names it for data that Claude's API
would refuse, or for a URL that must not be fetched.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes, urlsplit

from server.conversation.parts import Document, Image, Message, Part, ToolResult
from server.dialects.common.content.image_shrinking import shrunk_image
from server.errors import InvalidRequest

# Claude's API counts bytes of base64.
MAX_IMAGE_BYTES = 5 * 1024 * 1024
MAX_IMAGE_SIDE = 8000
MAX_TOTAL_BYTES = 32 * 1024 * 1024

_PDF = "application/pdf"
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
# The header of a frame: marker, length and precision. The size follows.
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..[\x08\x0c\x10]", re.DOTALL)
_WHITE_SPACE = b" \t\n\r\f\v"
# Bytes that one call may handle: a whole file in one call would keep other threads waiting. Divisible by 3 and by 4.
_STEP = 3 * 2**16


def image_from_url(url: str, place: str) -> Image | Document:
    """Returns the image of a `data:` or `https:` URL, or of bare base64. A PDF becomes a document."""
    return _from_url(url, place, "image")


def image_from_base64(data: str, media_type: str | None, place: str) -> Image | Document:
    """Returns the image in `data`. Its bytes decide the type, not `media_type`; a PDF becomes a document."""
    return _image(_decoded(data, place), media_type, place)


def document_from_url(url: str, place: str, *, title: str | None = None) -> Image | Document:
    """Returns the document of a `data:` or `https:` URL, or of bare base64. An image becomes an image."""
    return _from_url(url, place, "document", title)


def document_from_base64(
    data: str, media_type: str | None, place: str, *, title: str | None = None
) -> Image | Document:
    """Returns the PDF, text or image in `data`."""
    return _document(_decoded(data, place), media_type, place, title)


def document_from_text(text: str, place: str, *, title: str | None = None) -> Document:
    """Returns a document of plain text."""
    if not text.strip():
        raise InvalidRequest(f"{place} is empty.", param=place)
    return Document(media_type="text/plain", data=text, title=title)


def check_total_size(messages: Iterable[Message], *, field: str) -> None:
    """Raises `InvalidRequest` that names `field` if all images and documents together are too large."""
    size = sum(_size(part) for message in messages for part in message.parts)
    if size > MAX_TOTAL_BYTES:
        raise InvalidRequest(
            f"The images and files of this conversation have {size / 1024 / 1024:.1f} MB; the limit is 32 MB.",
            param=field,
            hint="Leave out some of the older ones, or make them smaller.",
        )


def _size(part: Part) -> int:
    if isinstance(part, ToolResult):
        return sum(map(_size, part.parts))
    return len(part.data or "") if isinstance(part, Image | Document) else 0


def _from_url(url: str, place: str, kind: str, title: str | None = None) -> Image | Document:
    scheme = _SCHEME.match(url.strip()[:50])
    match scheme.group(1).lower() if scheme else None:
        case "data":
            media_type, content = _data_url(url.strip(), place)
        case "https":
            _refuse_private(url, place)
            return Image(url=url) if kind == "image" else Document(url=url, title=title)
        case "http":
            raise InvalidRequest(
                f"{place} is an http URL; Claude's API fetches only https URLs.",
                param=place,
                hint="Send an https URL, or the data itself as a data URL.",
            )
        case None:
            media_type, content = "", _decoded(url, place)
        case _:
            raise InvalidRequest(f"{place} must be a data URL or an https URL.", param=place)
    return _image(content, media_type, place) if kind == "image" else _document(content, media_type, place, title)


def _refuse_private(url: str, place: str) -> None:
    """Refuses hosts of this network: Claude's API fetches the URL, and would reach nothing or another host there."""
    try:
        host = (urlsplit(url.strip()).hostname or "").rstrip(".").lower()
    except ValueError:
        host = ""
    if not host:
        raise InvalidRequest(f"{place} is not a complete https URL.", param=place)
    if _is_private(host):
        raise InvalidRequest(
            f"{place} is on this computer or its network, which Claude's API cannot reach; Drawbridge fetches no URLs.",
            param=place,
            hint="Send the data itself as a data URL.",
        )


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        # Other forms of addresses (`127.1`, `0x7f000001`), and names that exist only in a local network.
        return bool(_NUMERIC_HOST.fullmatch(host)) or "." not in host or host.endswith(_LOCAL_SUFFIXES)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return not (mapped or address).is_global


def _data_url(url: str, place: str) -> tuple[str, bytes]:
    """Returns the media type that a data URL claims, often empty, and its content."""
    head, comma, data = url[len("data:") :].partition(",")
    if not comma:
        raise InvalidRequest(f"{place} is a data URL without a comma, so it contains no data.", param=place)
    media_type, *parameters = (item.strip().lower() for item in head.split(";"))
    raw = unquote_to_bytes(data) if "%" in data else data.encode()
    return media_type, _from_base64(raw, place) if "base64" in parameters else raw


def _decoded(data: str, place: str) -> bytes:
    """Decodes base64, or a data URL in its place."""
    return _data_url(data, place)[1] if data.startswith("data:") else _from_base64(data.encode(), place)


def _from_base64(raw: bytes, place: str) -> bytes:
    """Decodes base64 in either alphabet, with or without padding and line breaks."""
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    compact = b"".join(part.translate(_URL_ALPHABET, _WHITE_SPACE) for part in _steps(raw)).rstrip(b"=")
    padded = compact + b"=" * (-len(compact) % 4)
    try:
        if b"=" in compact:
            raise ValueError  # noqa: TRY301 # as the decoder does for padding within one step
        return b"".join(base64.b64decode(part, validate=True) for part in _steps(padded))
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{place} is not valid base64.", param=place) from None


def _to_base64(content: bytes) -> str:
    return b"".join(map(base64.b64encode, _steps(content))).decode()


def _steps(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _STEP] for start in range(0, len(data), _STEP))


def _image(content: bytes, claimed: str | None, place: str) -> Image | Document:
    kind = _kind(content)
    if kind == _PDF:
        return Document(media_type=_PDF, data=_to_base64(content))
    if kind is None:
        problem = "is empty" if not content else "is not a PNG, JPEG, GIF or WebP image"
        claim = f" (its media type is {claimed[:50]!r})" if claimed and content else ""
        raise InvalidRequest(
            f"{place} {problem}{claim}.", param=place, hint="Claude supports PNG, JPEG, GIF, WebP and PDF."
        )
    if not _has_dimensions(kind, content):
        # Claude Code would replace it by a sentence of its own.
        raise InvalidRequest(f"{place} is a damaged image: its dimensions cannot be read.", param=place)
    data = _to_base64(content)
    if len(data) <= MAX_IMAGE_BYTES and _longest_side(kind, content) <= MAX_IMAGE_SIDE:
        return Image(media_type=kind, data=data)
    smaller = shrunk_image(content)
    if smaller is None:
        raise InvalidRequest(
            f"{place} is an image of {len(data) / 1024 / 1024:.1f} MB in base64 that cannot be made smaller; the limits"
            f" are 5 MB and {MAX_IMAGE_SIDE} pixels.",
            param=place,
            hint="Make the image smaller.",
        )
    return Image(smaller[0], _to_base64(smaller[1]), shrunk_at=place)


def shrunk_places(messages: Iterable[Message]) -> Iterator[str]:
    """Yields the places of images that were made smaller."""
    for message in messages:
        for part in message.parts:
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            yield from (
                f"{image.shrunk_at} (shrunk)" for image in inner if isinstance(image, Image) and image.shrunk_at
            )


def _document(content: bytes, claimed: str | None, place: str, title: str | None) -> Image | Document:
    kind = _kind(content)
    if kind == _PDF:
        return Document(media_type=_PDF, data=_to_base64(content), title=title)
    if kind is not None:
        return _image(content, claimed, place)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or claimed == _PDF:
        raise InvalidRequest(
            f"{place} is not a PDF, UTF-8 text or an image.",
            param=place,
            hint="Claude supports PDF files, plain text, and PNG, JPEG, GIF and WebP images.",
        )
    return document_from_text(text, place, title=title)


def _kind(content: bytes) -> str | None:
    """Returns the media type by the first bytes; None if Claude's API does not support it."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return _PDF if b"%PDF-" in content[:1024] else None


def _has_dimensions(kind: str, content: bytes) -> bool:
    """Whether the header of an image contains dimensions that are not zero."""
    match kind:
        case "image/png":
            dimensions = content[16:20], content[20:24]
        case "image/gif":
            dimensions = content[6:8], content[8:10]
        case "image/webp":
            # Its three formats store the dimensions in different places, some minus one.
            return content[12:16] in {b"VP8 ", b"VP8L", b"VP8X"} and len(content) >= 30
        case _:
            frame = _JPEG_FRAME.search(content)
            at = frame.end() if frame else len(content)
            dimensions = content[at : at + 2], content[at + 2 : at + 4]
    return any(dimensions[0]) and any(dimensions[1])


def _longest_side(kind: str, content: bytes) -> int:
    """Returns the longer side in pixels, by the header of an image that has one."""
    match kind:
        case "image/png":
            sides = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
        case "image/gif":
            sides = int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")
        case "image/webp" if content[12:16] == b"VP8X":
            sides = int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
        case "image/webp" if content[12:16] == b"VP8L":
            bits = int.from_bytes(content[21:25], "little")
            sides = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case "image/webp":
            sides = int.from_bytes(content[26:28], "little") & 0x3FFF, int.from_bytes(content[28:30], "little") & 0x3FFF
        case _:
            frame = _JPEG_FRAME.search(content)
            at = frame.end() if frame else len(content)
            sides = int.from_bytes(content[at : at + 2]), int.from_bytes(content[at + 2 : at + 4])
    return max(sides)
