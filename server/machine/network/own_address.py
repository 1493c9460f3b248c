"""Finds variables that would have Claude Code send its requests to this very server: an endless recursion."""

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from server.machine.network.port_owner import WILDCARDS

BASE_URL = "ANTHROPIC_BASE_URL"
# Meant for the server at the base URL, so it must not go to Anthropic without it.
_CREDENTIAL = "ANTHROPIC_AUTH_TOKEN"
_VARIABLES = frozenset({BASE_URL, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAMES = frozenset({"localhost", "host.docker.internal"})


def own_variables(environ: Mapping[str, str], addresses: Collection[str]) -> tuple[str, ...]:
    """Returns the names of the variables that point at one of our listeners' `addresses`, as in 127.0.0.1:8082."""
    return tuple(name for name, value in environ.items() if name.upper() in _VARIABLES and leads_to(value, addresses))


def leads_to(url: str, addresses: Collection[str]) -> bool:
    """Whether `url` points at one of our listeners' `addresses`."""
    target = _host_and_port(url)
    return any(_reaches(target, _host_and_port(f"http://{address}")) for address in addresses)


def without_own_address(environ: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Returns `environ` without the variables `names`; without the base URL, its credential is left out too."""
    dropped = {*names, *((_CREDENTIAL,) if BASE_URL in {name.upper() for name in names} else ())}
    return {name: value for name, value in environ.items() if name not in dropped}


def _host_and_port(url: str) -> tuple[str, int | None]:
    """The host and port of a URL; a proxy may be given without a scheme. ("", None) if it cannot be read."""
    try:
        parts = urlsplit(url.strip() if "://" in url else f"http://{url.strip()}")
        return (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", None


def _reaches(target: tuple[str, int | None], listener: tuple[str, int | None]) -> bool:
    """Whether a connection to `target` arrives at `listener`, by their numbers alone; names are not looked up."""
    (host, port), (own_host, own_port) = target, listener
    if not host or port != own_port:
        return False
    # Other addresses of this computer cannot be distinguished from another computer's.
    return host == own_host or (_is_here(host) and (_is_here(own_host) or own_host in WILDCARDS))


def _is_here(host: str) -> bool:
    if host in _NAMES or host in WILDCARDS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
