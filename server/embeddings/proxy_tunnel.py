"""A connection through an HTTP proxy: a tunnel to addresses with https, and to the proxy itself for others."""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import h11

from server.errors import EndpointFailed
from server.machine.network.outbound_proxy import proxy_credentials

_READ_BYTES = 4096


async def connected_through(proxy: str, to: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to `to` through `proxy`. Raises `EndpointFailed` if the proxy refuses, or `OSError`."""
    by = urlsplit(proxy)
    context = ssl.create_default_context() if by.scheme == "https" else None
    reader, writer = await asyncio.open_connection(by.hostname, port_of(by), ssl=context)
    if to.scheme != "https":
        return reader, writer
    try:
        await _open_tunnel(proxy, f"{_bracketed(to)}:{port_of(to)}", reader, writer)
        await writer.start_tls(ssl.create_default_context(), server_hostname=to.hostname)
    except BaseException:  # also a cancellation: the connection would stay open
        writer.close()
        raise
    return reader, writer


def port_of(parts: SplitResult) -> int:
    """The port of an address."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def proxy_headers(proxy: str) -> Mapping[str, str]:
    """The headers that authorize a request at `proxy`."""
    credentials = proxy_credentials(proxy)
    if credentials is None:
        return {}
    return {"proxy-authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


async def _open_tunnel(proxy: str, authority: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.CLIENT)
    headers = {"host": authority, **proxy_headers(proxy)}
    writer.write(connection.send(h11.Request(method="CONNECT", target=authority, headers=[*headers.items()])) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    while not isinstance(event := connection.next_event(), h11.Response):
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.ConnectionClosed):
            raise EndpointFailed("The proxy closed the connection.")
    if not 200 <= event.status_code < 300:
        raise EndpointFailed(f"The proxy {urlsplit(proxy).hostname} refused the connection: {event.status_code}.")


def _bracketed(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host
