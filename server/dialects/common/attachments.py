"""Images and documents as clients send them: their kind is told by their first bytes, and nothing is ever fetched.

Each function takes the `place` of the part, which names it in the `InvalidRequest` that is raised for what Claude's
API would not take, or what nobody here may ask it to fetch.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes, urlsplit

from server.conversation.parts import Document, Image, Message, Part, ToolResult
from server.errors import InvalidRequest

# Of base64, as Claude's API counts them.
LARGEST_IMAGE = 5 * 1024 * 1024
LARGEST_IN_ALL = 32 * 1024 * 1024

_PDF = "application/pdf"
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?")
_HOME_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
# A frame's head: its mark, its length, and its precision; the size follows.
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..[\x08\x0c\x10]", re.DOTALL)
_BLANKS = re.compile(rb"[\s]+")


def image_from_url(url: str, place: str) -> Image | Document:
    """The image that `url` holds (`data:`) or names (`https:`); a PDF is a document. Base64 without `data:` will do."""
    return _from_url(url, place, "image")


def image_from_base64(data: str, media_type: str | None, place: str) -> Image | Document:
    """The image of `data`. Its first bytes, not `media_type`, say what it is; a PDF is a document."""
    return _image(_decoded(data, place), media_type, place)


def document_from_url(url: str, place: str, *, title: str | None = None) -> Image | Document:
    """The document that `url` holds or names; an image is an image."""
    return _from_url(url, place, "document", title)


def document_from_base64(
    data: str, media_type: str | None, place: str, *, title: str | None = None
) -> Image | Document:
    """The PDF, text or image of `data`."""
    return _document(_decoded(data, place), media_type, place, title)


def document_from_text(text: str, place: str, *, title: str | None = None) -> Document:
    """A document of plain text."""
    if not text.strip():
        raise InvalidRequest(f"{place} is empty.", param=place)
    return Document(media_type="text/plain", data=text, title=title)


def check_total_size(messages: Iterable[Message], *, field: str) -> None:
    """Raises `InvalidRequest` where all images and documents together are more than Claude's API takes."""
    size = sum(_size(part) for message in messages for part in message.parts)
    if size > LARGEST_IN_ALL:
        raise InvalidRequest(
            f"The images and files of this conversation have {size / 1024 / 1024:.1f} MB; Claude's API takes 32 MB.",
            param=field,
            hint="Leave some of the older ones out, or make them smaller.",
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
                f"{place} is an http address, and Claude's API fetches only https.",
                param=place,
                hint="Send an https address, or the data itself as a data URL.",
            )
        case None:
            media_type, content = "", _decoded(url, place)
        case _:
            raise InvalidRequest(f"{place} must be a data URL or an https address.", param=place)
    return _image(content, media_type, place) if kind == "image" else _document(content, media_type, place, title)


def _refuse_private(url: str, place: str) -> None:
    """Claude's API fetches it, not we: an address of this network would be none of its, or somebody else's there."""
    try:
        host = (urlsplit(url.strip()).hostname or "").rstrip(".").lower()
    except ValueError:
        host = ""
    if not host:
        raise InvalidRequest(f"{place} is not a whole https address.", param=place)
    if _is_private(host):
        raise InvalidRequest(
            f"{place} is an address of this computer or its network. Drawbridge fetches nothing, and Claude's API"
            " cannot reach it.",
            param=place,
            hint="Send the data itself as a data URL.",
        )


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        # Other spellings of addresses (`127.1`, `0x7f000001`) and names that only a home network knows.
        return bool(_NUMBERS.fullmatch(host)) or "." not in host or host.endswith(_HOME_NAMES)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return not (mapped or address).is_global


def _data_url(url: str, place: str) -> tuple[str, bytes]:
    """The media type that a data URL claims, often none, and what it holds."""
    head, comma, data = url[len("data:") :].partition(",")
    if not comma:
        raise InvalidRequest(f"{place} is a data URL without data: there is no comma in it.", param=place)
    media_type, *parameters = (word.strip().lower() for word in head.split(";"))
    raw = unquote_to_bytes(data) if "%" in data else data.encode()
    return media_type, _from_base64(raw, place) if "base64" in parameters else raw


def _decoded(data: str, place: str) -> bytes:
    """The bytes of base64; a data URL may stand where it should."""
    return _data_url(data, place)[1] if data.startswith("data:") else _from_base64(data.encode(), place)


def _from_base64(raw: bytes, place: str) -> bytes:
    """The bytes of base64, in either alphabet, with or without padding and line breaks."""
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    bare = _BLANKS.sub(b"", raw).rstrip(b"=").translate(_URL_ALPHABET)
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{place} does not hold valid base64.", param=place) from None


def _image(content: bytes, claimed: str | None, place: str) -> Image | Document:
    kind = _kind(content)
    if kind == _PDF:
        return Document(media_type=_PDF, data=base64.b64encode(content).decode())
    if kind is None:
        what = "is empty" if not content else "is no PNG, JPEG, GIF or WebP image"
        says = f" (its type says {claimed[:50]!r})" if claimed and content else ""
        raise InvalidRequest(
            f"{place} {what}{says}.", param=place, hint="Claude takes PNG, JPEG, GIF and WebP images, and PDF files."
        )
    if not _has_size(kind, content):
        # Claude Code would put a sentence of its own in its place.
        raise InvalidRequest(f"{place} is a broken image: its size cannot be read.", param=place)
    data = base64.b64encode(content).decode()
    if len(data) > LARGEST_IMAGE:
        raise InvalidRequest(
            f"{place} is an image of {len(data) / 1024 / 1024:.1f} MB in base64; Claude's API takes 5 MB.",
            param=place,
            hint="Make it smaller.",
        )
    return Image(media_type=kind, data=data)


def _document(content: bytes, claimed: str | None, place: str, title: str | None) -> Image | Document:
    kind = _kind(content)
    if kind == _PDF:
        return Document(media_type=_PDF, data=base64.b64encode(content).decode(), title=title)
    if kind is not None:
        return _image(content, claimed, place)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or claimed == _PDF:
        raise InvalidRequest(
            f"{place} is no PDF, no text in UTF-8 and no image.",
            param=place,
            hint="Claude takes PDF files, plain text, and PNG, JPEG, GIF and WebP images.",
        )
    return document_from_text(text, place, title=title)


def _kind(content: bytes) -> str | None:
    """The media type that the first bytes tell; None where they tell none that Claude's API takes."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return _PDF if b"%PDF-" in content[:1024] else None


def _has_size(kind: str, content: bytes) -> bool:
    """Whether the header of an image says how large it is, and not that it is empty."""
    match kind:
        case "image/png":
            found = content[16:20], content[20:24]
        case "image/gif":
            found = content[6:8], content[8:10]
        case "image/webp":
            # Its three forms keep the size in other places, some of them less one.
            return content[12:16] in {b"VP8 ", b"VP8L", b"VP8X"} and len(content) >= 30
        case _:
            frame = _JPEG_FRAME.search(content)
            at = frame.end() if frame else len(content)
            found = content[at : at + 2], content[at + 2 : at + 4]
    return any(found[0]) and any(found[1])
