"""The head of a request, as the checks of access read it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.types import Scope

from server.web.path_aliases import canonical_path

_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request: the method, the canonical path, the headers by lower-case name, the path as sent."""

    method: str
    path: str
    headers: Mapping[str, tuple[str, ...]]
    sent: str = ""

    @classmethod
    def of(cls, scope: Scope) -> "Head":
        """The head of the ASGI request `scope`."""
        encoded: bytes = scope.get("raw_path") or b""
        return cls.read(scope["method"], scope["path"], scope["headers"], encoded.decode("latin-1"))

    @classmethod
    def read(cls, method: str, path: str, raw: Iterable[tuple[bytes, bytes]], encoded: str = "") -> "Head":
        """Reads ASGI's target and pairs of bytes. `encoded` is the target with its percent-encoding.

        A target may be a whole URL, as some clients send with a proxy in mind; its host then replaces the header.
        """
        headers: dict[str, tuple[str, ...]] = {}
        for name, value in raw:
            key = name.decode("latin-1").lower()
            headers[key] = (*headers.get(key, ()), value.decode("latin-1").strip())
        if absolute := _ABSOLUTE.fullmatch(path):
            headers["host"], path = (absolute[1],), absolute[2]
            whole = _ABSOLUTE.fullmatch(encoded)
            encoded = whole[2] if whole else ""
        return cls(method, canonical_path(path, encoded), headers, path)

    def one(self, name: str) -> str | None:
        """The value of a header that may occur once; repeated ones are joined, and so match nothing."""
        values = self.headers.get(name)
        return None if values is None else ", ".join(values)

    @property
    def encoding(self) -> str:
        """The content encoding of the body; empty if it is sent as it is."""
        encoding = (self.one("content-encoding") or "").lower()
        return "" if encoding == "identity" else encoding


def as_text(header: str) -> str:
    """A header as UTF-8, which clients send, instead of Latin-1, as which headers are decoded."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header
