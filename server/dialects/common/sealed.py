"""Seals text that a client keeps and sends back unread: Claude's signed thinking, and summaries.

A seal is a version, the content and a MAC. Content that was changed, or that another program sealed, does not open.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from server.conversation.parts import RedactedThinking, Thinking
from server.large_json import dumps, loads

VERSION = "db1"
_MAC_SIZE = 24


class Seal:
    """Seals and opens with one secret key."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    def of(self, owner: str) -> "Seal":
        """The seal of one owner: what it has sealed, the seals of others do not open. "" is this one."""
        key = hashlib.blake2b(owner.encode(), key=self._key[:64], person=b"owner of a seal").digest()
        return Seal(key) if owner else self

    def close(self, kind: str, content: Mapping[str, str | None]) -> str:
        """Returns the sealed `content`; only an `open` with the same `kind` opens it."""
        text = _encoded(dumps({"kind": kind, **content}, ensure_ascii=False).encode("utf-8", "replace"))
        return f"{VERSION}.{text}.{self._mac(text)}"

    def open(self, kind: str, sealed: object) -> Mapping[str, str | None] | None:
        """Returns the content of `sealed`; None if this key did not seal it, or as another kind."""
        version, _, rest = sealed.partition(".") if isinstance(sealed, str) else ("", "", "")
        text, _, mac = rest.partition(".")
        # Only ASCII can be compared in constant time.
        if version != VERSION or not rest.isascii() or not hmac.compare_digest(mac, self._mac(text)):
            return None
        try:
            content: dict[str, str | None] = loads(base64.urlsafe_b64decode(text).decode())
        except (ValueError, binascii.Error):
            return None
        return content if content.pop("kind", None) == kind else None

    def _mac(self, text: str) -> str:
        return _encoded(
            hashlib.blake2b(f"{VERSION}.{text}".encode(), key=self._key[:64], digest_size=_MAC_SIZE).digest()
        )


def sealed_thought(seal: Seal, thought: Thinking | RedactedThinking, model: str) -> str | None:
    """Returns the thought of `model`, sealed; None if it has no signature, so that Claude could not take it back."""
    if isinstance(thought, RedactedThinking):
        return seal.close("redacted thinking", {"data": thought.data, "model": model})
    if not thought.signature:
        return None
    return seal.close("thinking", {"text": thought.text, "signature": thought.signature, "model": model})


def thought_in(seal: Seal, sealed: object) -> Thinking | RedactedThinking | None:
    """Returns the thought that `sealed` contains; None if it is not one of ours."""
    if content := seal.open("thinking", sealed):
        return Thinking(content["text"] or "", content["signature"], model=content["model"])
    if content := seal.open("redacted thinking", sealed):
        return RedactedThinking(content["data"] or "", model=content["model"])
    return None


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()
