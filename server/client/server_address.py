"""Where the running server is, and which access key it needs."""

import os
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from server.commands.asked_server import URL_VARIABLE, address
from server.commands.options import settle
from server.config import LOOPBACK_HOSTS
from server.errors import DrawbridgeError
from server.machine.instance import read_instance
from server.machine.keychain import Keychain, resolve_key

MODEL_VARIABLE = "OPENROUTER_MODEL"
"""In which claudebridge's clients look for the model."""
# The openai client wants some key.
_NO_KEY = "none"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The base URL of the API, which ends with /v1, and the key to send."""

    base_url: str
    key: str

    @property
    def root(self) -> str:
        """The address without /v1, or without claudebridge's /api/v1."""
        return self.base_url.removesuffix("/v1").removesuffix("/api")

    @property
    def is_here(self) -> bool:
        """Whether it is on this computer, where no proxy applies."""
        return (urlsplit(self.base_url).hostname or "") in LOOPBACK_HOSTS


def find_server(base_url: str | None = None, key: str | None = None) -> ServerAddress:
    """The given address, else that of BRIDGE_URL, else of the running server, else the default one.

    Raises `DrawbridgeError` for what is no address.
    """
    settled = settle({}, unprefixed=False)
    url = _given(base_url)
    if url is None:
        instance = read_instance(settled.folders.data)
        url = instance.base_url if instance is not None else f"http://127.0.0.1:{settled.config.port}"
    server = ServerAddress(url if url.endswith("/v1") else f"{url}/v1", key or _NO_KEY)
    if key is None and server.is_here:
        with suppress(DrawbridgeError):
            stored = resolve_key(settled.config, Keychain(settled.folders.config))
            server = ServerAddress(server.base_url, stored or _NO_KEY)
    return server


def _given(base_url: str | None) -> str | None:
    """The address that the caller or the environment names; None if it is blank, or there is none."""
    named = ((base_url, "base_url"), (os.environ.get(URL_VARIABLE), URL_VARIABLE))
    for url, name in named:
        if url and url.strip():
            return address(url, name).geturl()
    return None
