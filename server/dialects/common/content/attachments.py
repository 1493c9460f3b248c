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
from server.dialects.common.content.image_headers import PDF, dimensions, media_type_of
from server.dialects.common.content.image_shrinking import shrunk_image
from server.errors import InvalidRequest

# Claude's API counts bytes of base64.
MAX_IMAGE_BYTES = 5 * 1024 * 1024
MAX_IMAGE_SIDE = 8000
MAX_TOTAL_BYTES = 32 * 1024 * 1024

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
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
    kind = media_type_of(content)
    if kind == PDF:
        return Document(media_type=PDF, data=_to_base64(content))
    if kind is None:
        problem = "is empty" if not content else "is not a PNG, JPEG, GIF or WebP image"
        claim = f" (its media type is {claimed[:50]!r})" if claimed and content else ""
        raise InvalidRequest(
            f"{place} {problem}{claim}.", param=place, hint="Claude supports PNG, JPEG, GIF, WebP and PDF."
        )
    if (sides := dimensions(kind, content)) is None:
        # Claude Code would replace it by a sentence of its own.
        raise InvalidRequest(f"{place} is a damaged image: its dimensions cannot be read.", param=place)
    data = _to_base64(content)
    if len(data) <= MAX_IMAGE_BYTES and max(sides) <= MAX_IMAGE_SIDE:
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
    kind = media_type_of(content)
    if kind == PDF:
        return Document(media_type=PDF, data=_to_base64(content), title=title)
    if kind is not None:
        return _image(content, claimed, place)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or claimed == PDF:
        raise InvalidRequest(
            f"{place} is not a PDF, UTF-8 text or an image.",
            param=place,
            hint="Claude supports PDF files, plain text, and PNG, JPEG, GIF and WebP images.",
        )
    return document_from_text(text, place, title=title)
