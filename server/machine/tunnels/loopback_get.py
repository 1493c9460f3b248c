"""A GET to a program on this computer, such as the readiness of cloudflared."""

import asyncio
from contextlib import suppress


async def status_of(port: int, path: str, *, timeout_s: float = 2.0) -> int | None:
    """The status of `path` at 127.0.0.1:`port`; None if there is no answer. Uses no proxy."""
    with suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
                return int((await reader.readline()).split()[1])
            finally:
                writer.close()
    return None
