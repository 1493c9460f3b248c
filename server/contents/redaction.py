"""Renders a request's body for keeping: pictures and files as their type and size, keys masked, the length bounded.

What follows is bounded by the bound, not by the body: of a long string only what fits is looked at.
"""

import base64
import json
import re
from binascii import Error as BadBase64
from collections.abc import Iterator, Mapping

from server.large_json import has_more_values, loads
from server.logs import redacted
from server.offload import LARGE, is_large

# Values under these names are secrets, whatever they look like.
_SECRET = re.compile(
    r"(?:proxy-)?authorization|cookie|set-cookie|password|passwd|bearer|(?:client|api)?[-_]?secret"
    r"|(?:x-)?(?:goog-)?api[-_]?key|(?:access|refresh|auth|bearer|id|x-auth|session)[-_]?token",
    re.IGNORECASE,
)
# Values under these names are data of pictures, files or sounds, also short ones.
_DATA = frozenset({"file_data", "b64_json", "encrypted_content"})
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w=.+\-\"]+)*),[^\s\"'<>)\]}\\]*", re.IGNORECASE)
# Longer than any word, id or hash, and without a blank: encoded bytes.
_ENCODED_LEAST = 512
# Tried only where a run begins: from each of its letters it would take quadratic time.
_ENCODED = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{_ENCODED_LEAST},}}={{0,2}}")
_ENCODED_START = re.compile(rf"[A-Za-z0-9+/_-]{{{_ENCODED_LEAST}}}")
_TOO_MANY = "(a body of very many values is not kept)"
MASK = "(not kept)"
# Vectors and token ids say nothing to a reader.
_MANY_NUMBERS = 20


def rendered(raw: bytes, most: int) -> tuple[str, bool]:
    """The body as text of at most about `most` characters, and whether it was cut. JSON is indented."""
    is_large.set(len(raw) > LARGE)
    try:
        text = raw.decode()
        if has_more_values(text):
            return _TOO_MANY, True
        body = loads(text)
    except (ValueError, RecursionError):
        return clean(raw[:most].decode("utf-8", "replace")), len(raw) > most
    writer = _Writer(most)
    writer.write(body)
    return "".join(writer.out), writer.is_cut


def clean(text: str) -> str:
    """`text` without keys, and with a note in the place of encoded bytes."""
    text = _DATA_URL.sub(lambda found: _data_note(found[1], found[2], found[0]), text)
    return redacted(_ENCODED.sub(lambda found: bytes_note(None, found[0]), text))


def bytes_note(media_type: str | None, encoded: str) -> str:
    """What stands in the place of base64 text, as in "(image/png, 12.3 kB)"."""
    length = size(len(encoded.rstrip("=")) * 3 // 4)
    return f"({media_type or _type_of(encoded) or 'encoded bytes'}, {length})"


def size(count: int) -> str:
    """A number of bytes in words, as in "12.3 kB"."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def _data_note(media_type: str | None, options: str, url: str) -> str:
    content = url.partition(",")[2]
    if ";base64" in options.lower():
        return bytes_note(media_type, content)
    return f"({media_type or 'text/plain'}, {size(len(content))})"


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"ID3", "audio/mpeg"),
)


def _type_of(encoded: str) -> str | None:
    try:
        head = base64.b64decode(encoded[:24].ljust(24, "A"))
    except (BadBase64, ValueError):
        return None
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


class _Writer:
    """Writes JSON until `most` characters are written; then dots."""

    def __init__(self, most: int) -> None:
        self.out: list[str] = []
        self.is_cut = False
        self._left = most

    def write(self, value: object, indent: str = "") -> None:
        """Writes the value."""
        if self._left <= 0:
            self._stop()
        elif isinstance(value, dict) and value:
            self._block("{", "}", self._fields(value), indent)
        elif isinstance(value, list) and len(value) > _MANY_NUMBERS and _are_numbers(value):
            self._put(json.dumps(f"({len(value)} numbers)"))
        elif isinstance(value, list) and value:
            self._block("[", "]", (("", item) for item in value), indent)
        elif isinstance(value, str):
            self._text(value)
        else:
            self._put(json.dumps(value, ensure_ascii=False))

    def _fields(self, row: Mapping[str, object]) -> Iterator[tuple[str, object]]:
        media_type = row.get("media_type") or row.get("mime_type") or row.get("format")
        for name, value in row.items():
            yield f"{json.dumps(clean(name[:200]), ensure_ascii=False)}: ", _without_data(name, value, media_type)

    def _block(self, start: str, end: str, fields: Iterator[tuple[str, object]], indent: str) -> None:
        inner = f"{indent}  "
        self._put(start)
        mark = "\n"
        for name, value in fields:
            if self._left <= 0:
                self._stop()
                break
            self._put(f"{mark}{inner}{name}")
            self.write(value, inner)
            mark = ",\n"
        self._put(f"\n{indent}{end}")

    def _text(self, value: str) -> None:
        if note := _whole_note(value):
            self._put(json.dumps(note, ensure_ascii=False))
            return
        text, room = json.dumps(clean(value[: self._left]), ensure_ascii=False), max(self._left, 2)
        if len(value) > self._left or len(text) > room:
            self.is_cut = True
            text = f'{text[:-1][:room]}..."'
        self._put(text)

    def _put(self, text: str) -> None:
        self.out.append(text)
        self._left -= len(text)

    def _stop(self) -> None:
        if not self.is_cut or self.out[-1] != "...":
            self.out.append("...")
        self.is_cut = True


def _are_numbers(values: list[object]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _whole_note(value: str) -> str:
    """The note for a string that is nothing but encoded bytes; else "". Looks at its beginning only."""
    if value[:5].lower() == "data:" and (found := _DATA_URL.match(value[:200])) and "\n" not in value[:200]:
        return _data_note(found[1], found[2], value)
    return bytes_note(None, value) if _ENCODED_START.match(value) and len(value) > _ENCODED_LEAST else ""


def _without_data(name: str, value: object, media_type: object) -> object:
    """The value of a field; a note if it is a secret, or the data of a picture, a file or a sound."""
    if isinstance(value, dict) and name.lower() in {"headers", "env"}:
        return dict.fromkeys(value, MASK)
    if name == "images" and isinstance(value, list):
        return [_whole_note(item) or bytes_note(None, item) if isinstance(item, str) else item for item in value]
    if not isinstance(value, str):
        return value
    if _SECRET.fullmatch(name):
        return MASK
    kind = media_type if isinstance(media_type, str) else None
    if name in _DATA or (name == "data" and kind):
        is_text = kind is not None and kind.startswith("text/") and not _ENCODED_START.match(value)
        return _whole_note(value) or (f"({kind}, {size(len(value))})" if is_text else bytes_note(kind, value))
    return value
