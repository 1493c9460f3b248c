"""Receives the body of a request: bounded in size and in time, and decompressed."""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import suppress

from starlette.types import Message, Receive

from server.errors import BodyTooSlow, InvalidRequest
from server.web.access.policy import AccessPolicy, too_large

# A body may pause for this long. A whole body may take longer, because a large one over a slow network does.
PAUSE_S = 60.0
# Decompressed in chunks, between which other requests are served.
_CHUNK_BYTES = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


def limited(receive: Receive, policy: AccessPolicy, encoding: str = "") -> Receive:
    """`receive`, with the body decoded from the content `encoding`.

    Raises `BodyTooLarge` once the decoded body exceeds the policy's limit, `BodyTooSlow` if it does not arrive, and
    `InvalidRequest` if it cannot be decoded. The error is sent while the client still sends its body; uvicorn discards
    the rest, so the client sees the error.
    """
    body = _Body(receive, policy, encoding)
    return body.receive


class _Body:
    def __init__(self, receive: Receive, policy: AccessPolicy, encoding: str) -> None:
        self._receive = receive
        self._policy = policy
        self._decoder = _Decoder(encoding) if encoding else None
        self._chunks: Iterator[bytes] = iter(())
        self._taken = 0
        self._is_read = False
        self._is_whole = False

    async def receive(self) -> Message:
        if self._is_whole:
            # From here on it is awaited only to notice that the client disconnects.
            return await self._receive()
        while True:
            if (chunk := next(self._chunks, None)) is not None:
                self._count(chunk)
                await asyncio.sleep(0)
                return {"type": "http.request", "body": chunk, "more_body": True}
            if self._is_read:
                self._is_whole = True
                if self._decoder is not None and not self._decoder.is_complete:
                    raise InvalidRequest("The body ends in the middle of its compressed data.")
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._next()
            if message["type"] != "http.request":
                return message
            self._is_read = not message.get("more_body", False)
            if self._decoder is None:
                self._count(message.get("body", b""))
                self._is_whole = self._is_read
                return message
            self._chunks = self._decoder.chunks(message.get("body", b""))

    async def _next(self) -> Message:
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_S):
                return await self._receive()
        raise BodyTooSlow(f"The rest of the body did not arrive within {PAUSE_S:g} s.")

    def _count(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        if self._taken > self._policy.body_limit:
            raise too_large(self._policy)


class _Decoder:
    """Decodes gzip, also of several members, and deflate, with or without zlib's header as clients send both."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._inflater: zlib._Decompress | None = None
        self._is_empty = True

    @property
    def is_complete(self) -> bool:
        """Whether the compressed data is complete; true for an empty body."""
        return self._is_empty or (self._inflater is not None and self._inflater.eof)

    def chunks(self, data: bytes) -> Iterator[bytes]:
        """The decoded chunks of `data`, each of a limited size, so that a small body cannot use up the memory."""
        self._is_empty = self._is_empty and not data
        while data:
            if self._inflater is None or self._inflater.eof:
                self._inflater = zlib.decompressobj(self._window_bits(data))
            try:
                chunk = self._inflater.decompress(data, _CHUNK_BYTES)
            except zlib.error as error:
                raise InvalidRequest(f"The body is not valid {self._encoding} data.") from error
            data = self._inflater.unconsumed_tail or self._inflater.unused_data
            if chunk:
                yield chunk
        while self._inflater is not None and not self._inflater.eof:
            if not (chunk := self._inflater.decompress(b"", _CHUNK_BYTES)):
                return
            yield chunk

    def _window_bits(self, data: bytes) -> int:
        if self._encoding != "deflate":
            return _GZIP
        # zlib's header: the method 8 in the low half of the first byte.
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 and data[0] >> 4 <= 7 else -zlib.MAX_WBITS
