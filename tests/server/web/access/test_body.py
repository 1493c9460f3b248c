import asyncio
import gzip
import random
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from server.errors import BodyTooLarge, BodyTooSlow, InvalidRequest
from server.web.access import body as body_module
from server.web.access.body import limited
from server.web.access.policy import AccessPolicy

LIMIT = 1_000_000


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


async def received(chunks: Iterable[bytes], encoding: str = "gzip", *, most: int = 1 << 30) -> bytes:
    """What an application reads of a body that arrives in `chunks`."""
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return waiting.pop(0)

    take, body = limited(receive, AccessPolicy(body_limit=LIMIT), encoding), bytearray()
    while True:
        message = await take()
        assert len(message["body"]) <= most
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)


@given(data=st.binary(max_size=300), size=st.integers(1, 50))
async def test_a_compressed_body_is_read_however_it_is_cut(data: bytes, size: int) -> None:
    for encoding, packed in (
        ("gzip", gzip.compress(data)),
        ("x-gzip", gzip.compress(data) + gzip.compress(b"more")),
        ("deflate", zlib.compress(data)),
        ("deflate", raw_deflate(data)),
    ):
        chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
        assert await received(chunks, encoding) == data + (b"more" if encoding == "x-gzip" else b"")


async def test_a_large_body_comes_in_pieces() -> None:
    data = random.Random(1).randbytes(200_000) + b"x" * 700_000
    assert await received([gzip.compress(data)], most=64 * 1024) == data


async def test_a_bomb_is_refused_at_the_limit() -> None:
    bomb = gzip.compress(b"0" * 500_000_000, 1)
    with pytest.raises(BodyTooLarge):
        await received([bomb], most=64 * 1024)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("data", [b'{"messages": []}', b"\x78", b"\x1f\x8b\x08"])
async def test_a_body_that_is_not_compressed_as_declared_is_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"not valid|in the middle"):
        await received([data], encoding)


async def test_a_cut_body_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="in the middle"):
        await received([gzip.compress(b"hello" * 100)[:-9]])


async def test_an_empty_body_stays_empty() -> None:
    assert await received([], "gzip") == b""


async def test_a_body_that_stops_arriving_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "PAUSE_S", 0.01)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(BodyTooSlow):
        await limited(receive, AccessPolicy())()
