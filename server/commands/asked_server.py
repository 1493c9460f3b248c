"""Which server `drawbridge ask` asks: the one in BRIDGE_URL, as for claudebridge's client, else the running one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from server.commands.options import Settled
from server.commands.running.status_and_stop import running_instance
from server.config import LOOPBACK_HOSTS
from server.errors import DrawbridgeError
from server.machine.keychain import Keychain, resolve_key

URL_VARIABLE = "BRIDGE_URL"


@dataclass(frozen=True, slots=True)
class AskedServer:
    """Where chat completions are sent, and the access key for them."""

    host: str
    port: int
    path: str = "/v1/chat/completions"
    is_https: bool = False
    key: str | None = field(default=None, repr=False)


def asked_server(settled: Settled, flags: Mapping[str, object]) -> AskedServer:
    """The server to ask. Raises `DrawbridgeError` if none runs, or if BRIDGE_URL is no address.

    The key of the settings and the stored one are of this computer's server, so no other one gets them.
    """
    url = os.environ.get(URL_VARIABLE, "").strip()
    if not url:
        instance = running_instance(settled.folders)
        return AskedServer(instance.host, instance.port, key=_own_key(settled))
    parts = address(url, URL_VARIABLE)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    given = flags.get("api_key")
    key = str(given) if given else _own_key(settled) if host in LOOPBACK_HOSTS else None
    path = f"{parts.path.removesuffix('/v1')}/v1/chat/completions"
    return AskedServer(host, port, path, is_https=parts.scheme == "https", key=key)


def address(url: str, name: str) -> SplitResult:
    """The address in `url`. Raises `DrawbridgeError`, with the `name` of what has it, if it is none."""
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise DrawbridgeError(
            f"{name} is {url!r}, and that is not an address.",
            hint="Write it as in http://127.0.0.1:8082, or leave it out.",
            title="The server's address is wrong",
        )
    return parts


def _own_key(settled: Settled) -> str | None:
    return resolve_key(settled.config, Keychain(settled.folders.config))
