"""One named key: its text, which only its app keeps, and what is stored of it.

A key is `db-`, an id and 256 random bits. The id is no secret; it finds the entry at once, however many keys there are.
Of the random part only a salted BLAKE2b hash is stored. Slow hashes such as scrypt protect passwords, which can be
guessed; 256 random bits cannot, so a fast hash is as safe and costs each request a microsecond instead of 50 ms.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field

from server.errors import InvalidRequest
from server.keys.rights import ALL, Rights

LONGEST_NAME = 40
_TEXT = re.compile(r"db-([0-9a-f]{10})-([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NamedKey:
    """What is stored of a key. `id` is never used again, so that a new key of the same name has nothing of the old."""

    id: str
    name: str
    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)
    created_at: float
    rights: Rights = ALL

    @property
    def owner(self) -> str:
        """The owner of the conversations, stored responses and running requests of this key."""
        return f"key:{self.id}"

    def is_text(self, text: str) -> bool:
        """Whether `text` is this key, compared in constant time."""
        match = _TEXT.fullmatch(text)
        return (
            match is not None and match[1] == self.id and hmac.compare_digest(hash_of(match[2], self.salt), self.hash)
        )


def make_key(name: str, rights: Rights, *, now: float) -> tuple[NamedKey, str]:
    """A new key and its text, which cannot be found out from the key again."""
    id_, secret, salt = secrets.token_hex(5), secrets.token_urlsafe(32), secrets.token_bytes(16)
    return NamedKey(id_, name, salt, hash_of(secret, salt), now, rights), f"db-{id_}-{secret}"


def id_in(text: str) -> str | None:
    """The id in a key's text; None if it is not the text of a named key."""
    match = _TEXT.fullmatch(text)
    return None if match is None else match[1]


def checked_name(name: object) -> str:
    """The name of a key, without white space around it. Raises `InvalidRequest`."""
    text = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    # A name of dots would not survive in the path of a URL.
    if not 0 < len(text) <= LONGEST_NAME or not text.isprintable() or not text.strip("."):
        raise InvalidRequest(
            f"The name of a key must have 1 to {LONGEST_NAME} printable characters, as in 'Talon'.", param="name"
        )
    return text


def same_name(one: str, other: str) -> bool:
    """Whether people would take the names for the same."""
    return (
        unicodedata.normalize("NFC", one).strip().casefold() == unicodedata.normalize("NFC", other).strip().casefold()
    )


def hash_of(secret: str, salt: bytes) -> bytes:
    """The hash of the random part of a key."""
    return hashlib.blake2b(secret.encode(), digest_size=32, salt=salt, person=b"drawbridge key").digest()
