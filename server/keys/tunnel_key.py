"""The key for requests through the tunnel: one that may be used from the internet, and only from there."""

from server.keys.key_book import KeyBook
from server.keys.named_key import NamedKey
from server.keys.rights import Rights

NAME = "Tunnel"


def tunnel_keys(book: KeyBook) -> tuple[NamedKey, ...]:
    """The keys that may be used from the internet."""
    return tuple(key for key in book.listed() if "tunnel" in key.rights.listeners)


def ensure_tunnel_key(book: KeyBook) -> tuple[str, str | None]:
    """The name of a key for the tunnel, and its text if it is a new one: the text of an old one is kept nowhere.

    Waits for the disk. Raises what `KeyBook.add` does.
    """
    if known := tunnel_keys(book):
        return known[0].name, None
    key, text = book.add(book.free_name(NAME), Rights(listeners=("tunnel",)))
    return key.name, text
