"""The access keys that a request offers, and how they are compared."""

import hmac
from collections.abc import Callable, Iterable, Mapping

from server.keys.named_key import NamedKey

FindKey = Callable[[str], NamedKey | None]
"""Returns the app's own key with this text, if it is one."""
KEY_HEADERS = ("authorization", "x-api-key", "api-key")


def no_key(_: str) -> NamedKey | None:
    """Finds no key: there are none."""
    return None


def offered_keys(headers: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The keys in the three headers."""
    offers = [*headers.get("x-api-key", ()), *headers.get("api-key", ())]
    for value in headers.get("authorization", ()):
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() == "bearer":
            offers.append(credentials.strip())
    return offers


def is_among(offers: Iterable[str], key: str) -> bool:
    """Whether one of the offers is the key; each is compared in constant time."""
    # Headers are decoded as latin-1, so a key with other characters is compared as the bytes that were sent.
    return any(hmac.compare_digest(offer.encode("latin-1"), key.strip().encode()) for offer in offers)
