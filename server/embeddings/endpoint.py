"""Another endpoint for embeddings, which speaks OpenAI's API: requests are passed on to it within bounds."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from server.config import Config
from server.embeddings.post import HttpReply, Limits, origin, post
from server.errors import DrawbridgeError, EndpointFailed, KeyringMissing, OwnRequest
from server.machine.network.outbound_proxy import bypasses_proxy

logger = logging.getLogger(__name__)

PASSED_ON = "x-drawbridge-passed-on"
"""The header of requests that a Drawbridge passes on: one that comes back would be passed on for ever."""
# 2,048 vectors of 3,072 numbers are 75 MB as text.
_MOST_BYTES = 128_000_000
_MOST_S = 600.0
# What a client uses of the headers of a response.
_KEPT_HEADERS = ("content-type", "retry-after", "retry-after-ms", "x-should-retry")


@dataclass(frozen=True, slots=True)
class PassedBack:
    """The endpoint's response: its status, the headers to keep, and its JSON body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Endpoint:
    """Passes requests on to the endpoint of the settings. `read_key` returns its stored key, if any, and may block."""

    def __init__(self, config: Callable[[], Config], read_key: Callable[[], str | None]) -> None:
        self._config = config
        self._read_key = read_key
        # The address and its key, once read: a keyring answers slowly.
        self._key: tuple[str, str | None] | None = None

    async def pass_on(self, body: bytes, *, is_passed_on: bool) -> PassedBack:
        """Posts `body` and returns the response, also an error. Raises `EndpointFailed` without one in JSON.

        `is_passed_on`: the request comes from a Drawbridge that passed it on. Raises `OwnRequest` then.
        """
        if is_passed_on:
            raise OwnRequest(
                "This request was passed on by a Drawbridge, and would be passed on again.",
                hint="Check the setting embeddings_url: it leads to Drawbridge itself.",
            )
        config = self._config()
        url = endpoint_url(config.embeddings_url or "")
        headers = {"content-type": "application/json", "accept": "application/json", PASSED_ON: "1"}
        if key := await self._key_for(url):
            headers["authorization"] = f"Bearer {key}"
        host = urlsplit(url).hostname or ""
        proxy = None if config.proxy is None or bypasses_proxy(host, os.environ) else config.proxy
        reply = await post(url, headers, body, Limits(config.timeout_s, _MOST_S, _MOST_BYTES), proxy)
        logger.info("embedded by %s: status %d, %d bytes", origin(url), reply.status, len(reply.body))
        if reply.status == 401:
            # The user will store another one.
            self._key = None
        return _passed_back(reply, url)

    async def _key_for(self, url: str) -> str | None:
        given = self._config().embeddings_key
        if given is not None:
            return given
        if self._key is None or self._key[0] != url:
            try:
                self._key = (url, await asyncio.to_thread(self._read_key))
            except KeyringMissing:
                self._key = (url, None)
            except DrawbridgeError as error:
                raise EndpointFailed(
                    f"The key of the endpoint cannot be read. {error.message}", hint=error.hint
                ) from error
        return self._key[1]


def endpoint_url(base: str) -> str:
    """The address to post to: `base` itself if it ends with /embeddings, else below it."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith("/embeddings") else f"{path}/embeddings", fragment=""))


def _passed_back(reply: HttpReply, url: str) -> PassedBack:
    if 300 <= reply.status < 400:
        raise EndpointFailed(f"{origin(url)} redirects to another address.")
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind.endswith("json"):
        raise EndpointFailed(f"{origin(url)} answered with status {reply.status} and no JSON.")
    return PassedBack(
        reply.status, {name: reply.headers[name] for name in _KEPT_HEADERS if name in reply.headers}, reply.body
    )
