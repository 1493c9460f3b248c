"""Where the running server is, and which access key it needs."""

import os
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from server.commands.asked_server import URL_VARIABLE
from server.commands.options import settle
from server.config import LOOPBACK_HOSTS
from server.errors import DrawbridgeError
from server.machine.instance import read_instance
from server.machine.keychain import Keychain, resolve_key

# The openai client wants some key.
_NO_KEY = "none"


@dataclass(frozen=True, slots=True)
class Place:
    """The base URL of the API, which ends with /v1, and the key to send."""

    base_url: str
    key: str

    @property
    def root(self) -> str:
        """The address without /v1."""
        return self.base_url.removesuffix("/v1")

    @property
    def is_here(self) -> bool:
        """Whether it is on this computer, where no proxy applies."""
        return (urlsplit(self.base_url).hostname or "") in LOOPBACK_HOSTS


def find_place(base_url: str | None = None, key: str | None = None) -> Place:
    """The given address, else that of BRIDGE_URL, else of the running server, else the default one."""
    settled = settle({}, unprefixed=False)
    given = base_url or os.environ.get(URL_VARIABLE)
    if given is None:
        instance = read_instance(settled.folders.data)
        given = instance.base_url if instance is not None else f"http://127.0.0.1:{settled.config.port}"
    url = given.rstrip("/")
    place = Place(url if url.endswith("/v1") else f"{url}/v1", key or _NO_KEY)
    if key is None and place.is_here:
        with suppress(DrawbridgeError):
            stored = resolve_key(settled.config, Keychain(settled.folders.config))
            place = Place(place.base_url, stored or _NO_KEY)
    return place
