"""A POST over HTTP/1.1 within bounds, which the end of its task cancels.

A client in threads would go on after the request that it works for has been cancelled, and would use up the threads
that start processes.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

from server.embeddings.proxy_tunnel import connected_through, port_of, proxy_headers
from server.errors import EndpointFailed

_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A response: the status, the headers by lower-case name, the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of silence, seconds in all, and bytes of the response."""

    silence_s: float
    total_s: float
    most_bytes: int


async def post(
    url: str, headers: Mapping[str, str], body: bytes, limits: Limits, proxy: str | None = None
) -> HttpReply:
    """Posts `body` to `url`, which is http or https, through `proxy` if given. Follows no redirect.

    Raises `EndpointFailed`.
    """
    try:
        async with asyncio.timeout(limits.total_s):
            return await _exchanged(url, headers, body, limits, proxy)
    except TimeoutError as error:
        raise EndpointFailed(f"{origin(url)} sent no whole answer in time.") from error
    except h11.RemoteProtocolError as error:
        raise EndpointFailed(f"{origin(url)} does not speak HTTP ({error}).") from error
    except ssl.SSLError as error:
        raise EndpointFailed(f"{origin(url)} has no valid TLS certificate ({error.reason}).") from error
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise EndpointFailed(f"{origin(url)} cannot be reached: {reason}.") from error


def origin(url: str) -> str:
    """Scheme, host and port of `url`, for messages: the rest may contain a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


async def _exchanged(url: str, headers: Mapping[str, str], body: bytes, limits: Limits, proxy: str | None) -> HttpReply:
    parts = urlsplit(url)
    async with asyncio.timeout(limits.silence_s):
        reader, writer = await _connected(parts) if proxy is None else await connected_through(proxy, parts)
    try:
        connection = h11.Connection(h11.CLIENT)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        if proxy is not None and parts.scheme == "http":
            # Without a tunnel the proxy reads the whole address.
            target = f"{origin(url)}{target}"
            headers = {**headers, **proxy_headers(proxy)}
        fixed = {"host": parts.netloc.rpartition("@")[2], "content-length": str(len(body)), "connection": "close"}
        request = h11.Request(method="POST", target=target, headers=[*{**headers, **fixed}.items()])
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        return await _read(connection, reader, limits)
    finally:
        writer.close()


async def _connected(parts: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context() if parts.scheme == "https" else None
    return await asyncio.open_connection(parts.hostname, port_of(parts), ssl=context)


async def _read(connection: h11.Connection, reader: asyncio.StreamReader, limits: Limits) -> HttpReply:
    status, headers, body = 0, {}, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            async with asyncio.timeout(limits.silence_s):
                connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers}
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > limits.most_bytes:
                raise EndpointFailed(f"The answer is larger than {limits.most_bytes // 1_000_000} MB.")
        elif isinstance(event, h11.EndOfMessage):
            return HttpReply(status, headers, bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            raise EndpointFailed("The connection was closed before an answer arrived.")
