"""Requests that are passed on to another endpoint, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from server.config import Config
from server.embeddings import endpoint
from server.embeddings.endpoint import Endpoint, endpoint_url
from server.errors import EndpointFailed, KeyringLocked, KeyringMissing, OwnRequest
from tests.ports import free_port
from tests.server.embeddings.other_server import ONE, OtherServer, other_server

BODY = json.dumps({"model": "m", "input": [[1, 2]]}).encode()


@pytest.fixture
async def other() -> AsyncIterator[OtherServer]:
    async with other_server() as found:
        yield found


def passing(other: OtherServer, key: Callable[[], str | None] = lambda: None, **settings: object) -> Endpoint:
    config = replace(Config(embeddings_url=other.url, timeout_s=20), **settings)  # type: ignore[arg-type]
    return Endpoint(lambda: config, key)


async def test_a_request_and_its_answer_pass_unchanged(other: OtherServer) -> None:
    back = await passing(other).pass_on(BODY, is_passed_on=False)
    assert other.bodies == [json.loads(BODY)]
    assert (back.status, json.loads(back.body)) == (200, ONE)
    assert other.heads[0].startswith(b"POST /v1/embeddings HTTP/1.1\r\n")
    assert b"authorization" not in other.heads[0].lower()


@pytest.mark.parametrize(
    ("settings", "stored"), [({"embeddings_key": "sk-1"}, None), ({}, "sk-1"), ({"embeddings_key": "sk-1"}, "sk-2")]
)
async def test_the_key_is_the_given_or_the_stored_one(other: OtherServer, settings: object, stored: str | None) -> None:
    await passing(other, lambda: stored, **settings).pass_on(BODY, is_passed_on=False)  # type: ignore[arg-type]
    assert b"authorization: Bearer sk-1\r\n" in other.heads[0]


async def test_the_stored_key_is_read_once_and_again_after_it_was_refused(other: OtherServer) -> None:
    keys = ["old", "new"]
    passes = passing(other, lambda: keys.pop(0))
    await passes.pass_on(BODY, is_passed_on=False)
    other.answers({"error": {"message": "wrong key"}}, 401)
    assert (await passes.pass_on(BODY, is_passed_on=False)).status == 401
    await passes.pass_on(BODY, is_passed_on=False)
    assert [head.partition(b"Bearer ")[2].split()[0] for head in other.heads] == [b"old", b"old", b"new"]


async def test_without_a_keyring_there_is_no_key_and_a_locked_one_is_reported(other: OtherServer) -> None:
    def missing() -> str:
        raise KeyringMissing

    def locked() -> str:
        raise KeyringLocked

    assert (await passing(other, missing).pass_on(BODY, is_passed_on=False)).status == 200
    with pytest.raises(EndpointFailed, match="locked"):
        await passing(other, locked).pass_on(BODY, is_passed_on=False)


async def test_an_error_passes_back_with_what_clients_act_on(other: OtherServer) -> None:
    other.answers({"error": {"message": "slow down"}}, 429, "application/json", "retry-after: 7", "set-cookie: a=b")
    back = await passing(other).pass_on(BODY, is_passed_on=False)
    assert (back.status, json.loads(back.body)) == (429, {"error": {"message": "slow down"}})
    assert back.headers == {"content-type": "application/json", "retry-after": "7"}


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"HTTP/1.1 502 x\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\noops", "status 502 and no JSON"),
        (b"HTTP/1.1 200 x\r\ncontent-length: 2\r\n\r\n{}", "no JSON"),
        (b"HTTP/1.1 307 x\r\nlocation: http://example.org/\r\ncontent-length: 0\r\n\r\n", "redirects"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}", "does not speak HTTP"),
        (b"", "does not speak HTTP"),
    ],
)
async def test_what_is_no_answer_is_an_error(other: OtherServer, reply: bytes, message: str) -> None:
    other.reply = reply
    with pytest.raises(EndpointFailed, match=message) as caught:
        await passing(other).pass_on(BODY, is_passed_on=False)
    assert "embeddings_url" in str(caught.value)


async def test_an_endpoint_that_is_silent_or_sends_without_end_is_bounded(
    other: OtherServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.reply = None
    with pytest.raises(EndpointFailed, match="in time"):
        await passing(other, timeout_s=0.1).pass_on(BODY, is_passed_on=False)
    monkeypatch.setattr(endpoint, "_MOST_BYTES", 1000)
    other.answers({"data": "x" * 2000})
    with pytest.raises(EndpointFailed, match="larger than"):
        await passing(other).pass_on(BODY, is_passed_on=False)
    monkeypatch.setattr(endpoint, "_MOST_S", 0.1)
    other.reply = None
    with pytest.raises(EndpointFailed, match="in time"):
        await passing(other).pass_on(BODY, is_passed_on=False)


async def test_a_cancelled_request_closes_its_connection(other: OtherServer) -> None:
    other.reply = None
    task = asyncio.create_task(passing(other).pass_on(BODY, is_passed_on=False))
    await asyncio.wait_for(other.received.wait(), 20)
    task.cancel()
    await asyncio.wait_for(other.closed.wait(), 20)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_endpoint_that_is_not_there_is_named_without_its_secrets() -> None:
    address = f"http://user:secret@127.0.0.1:{free_port()}/v1?key=secret"
    config = Config(embeddings_url=address)
    with pytest.raises(EndpointFailed, match=r"http://127\.0\.0\.1:\d+ cannot be reached") as caught:
        await Endpoint(lambda: config, lambda: None).pass_on(BODY, is_passed_on=False)
    assert "secret" not in str(caught.value)


async def test_a_request_that_was_passed_on_is_not_passed_on_again(other: OtherServer) -> None:
    with pytest.raises(OwnRequest, match="embeddings_url: it leads to Drawbridge itself"):
        await passing(other).pass_on(BODY, is_passed_on=True)
    assert other.heads == []
    await passing(other).pass_on(BODY, is_passed_on=False)
    assert b"x-drawbridge-passed-on: 1\r\n" in other.heads[0]


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://a.example/v1", "https://a.example/v1/embeddings"),
        ("https://a.example/v1/", "https://a.example/v1/embeddings"),
        ("http://a.example:8080", "http://a.example:8080/embeddings"),
        ("https://a.example/v1/embeddings", "https://a.example/v1/embeddings"),
        ("https://a.example/d/embeddings?api-version=1", "https://a.example/d/embeddings?api-version=1"),
    ],
)
def test_a_base_url_leads_to_its_endpoint(base: str, url: str) -> None:
    assert endpoint_url(base) == url
