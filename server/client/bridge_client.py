"""Asks a running Drawbridge through OpenAI's official client, which brings retries, types and errors."""

import os
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self  # Any: the fields of a request are the openai client's

from server.client.projects import AsyncProjects, Projects
from server.client.server_address import MODEL_VARIABLE, find_server
from server.client.sessions import AsyncSessions, Sessions
from server.errors import DrawbridgeError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

Messages = Sequence[Mapping[str, Any]]

_HEALTH_S = 5.0
# Fields of Drawbridge, which the openai client does not know.
_OWN_FIELDS = ("session_id", "project_id")
# The name that selects the server's default model.
_DEFAULT_MODEL = "default"


class BridgeClient:
    """A client of the running server, for `with` and `async with`.

    `base_url` defaults to the variable BRIDGE_URL, else to the running server of this user. `api_key` defaults to the
    stored access key, which is sent to this computer only. `model`, else that of claudebridge's variable
    OPENROUTER_MODEL, answers requests that name none. `options` go to
    the openai client, as in `timeout` and `max_retries`. Failed requests raise its errors. `fields` of a request are
    those of chat completions, and Drawbridge's own `session_id` and `project_id`.
    """

    def __init__(
        self, base_url: str | None = None, *, api_key: str | None = None, model: str | None = None, **options: Any
    ) -> None:
        self._server = find_server(base_url, api_key)
        self._model = model or os.environ.get(MODEL_VARIABLE) or _DEFAULT_MODEL
        self._options = options

    @property
    def base_url(self) -> str:
        """The address of the API, with /v1."""
        return self._server.base_url

    @cached_property
    def sync_client(self) -> "OpenAI":
        """The openai client. Raises `DrawbridgeError` if it is not installed."""
        openai = _openai()
        client: OpenAI = openai.OpenAI(
            base_url=self._server.base_url,
            api_key=self._server.key,
            http_client=openai.DefaultHttpxClient(trust_env=not self._server.is_here),
            **self._options,
        )
        return client

    @cached_property
    def async_client(self) -> "AsyncOpenAI":
        """The openai client for asyncio. Raises `DrawbridgeError` if it is not installed."""
        openai = _openai()
        client: AsyncOpenAI = openai.AsyncOpenAI(
            base_url=self._server.base_url,
            api_key=self._server.key,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not self._server.is_here),
            **self._options,
        )
        return client

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions of the key. Raises `DrawbridgeError` if the openai client is not installed."""
        return Sessions(self.sync_client)

    @cached_property
    def async_sessions(self) -> AsyncSessions:
        """The sessions of the key, for asyncio."""
        return AsyncSessions(self.async_client)

    @cached_property
    def projects(self) -> Projects:
        """The projects that the key may use. Raises `DrawbridgeError` if the openai client is not installed."""
        return Projects(self.sync_client)

    @cached_property
    def async_projects(self) -> AsyncProjects:
        """The projects that the key may use, for asyncio."""
        return AsyncProjects(self.async_client)

    def complete_sync(self, prompt: str, *, model: str | None = None, stream: bool = True, **fields: Any) -> str:
        """The whole answer to `prompt`; `stream` False asks for it in one response."""
        return self.complete_messages_sync(_asking(prompt), model=model, stream=stream, **fields)

    async def complete(self, prompt: str, *, model: str | None = None, stream: bool = True, **fields: Any) -> str:
        """The whole answer to `prompt`; `stream` False asks for it in one response."""
        return await self.complete_messages(_asking(prompt), model=model, stream=stream, **fields)

    def stream(self, prompt: str, *, model: str | None = None, **fields: Any) -> AsyncIterator[str]:
        """The answer to `prompt` in pieces of text, as they arrive."""
        return self.stream_messages(_asking(prompt), model=model, **fields)

    def complete_messages_sync(
        self, messages: Messages, *, model: str | None = None, stream: bool = True, **fields: Any
    ) -> str:
        """The whole answer to a conversation, whose messages are those of chat completions."""
        reply = self.sync_client.chat.completions.create(**self._request(messages, model, stream=stream, **fields))
        return "".join(_text(chunk, "delta") for chunk in reply) if stream else _text(reply, "message")

    async def complete_messages(
        self, messages: Messages, *, model: str | None = None, stream: bool = True, **fields: Any
    ) -> str:
        """The whole answer to a conversation, whose messages are those of chat completions."""
        if stream:
            return "".join([text async for text in self.stream_messages(messages, model=model, **fields)])
        request = self._request(messages, model, stream=False, **fields)
        return _text(await self.async_client.chat.completions.create(**request), "message")

    async def stream_messages(
        self, messages: Messages, *, model: str | None = None, **fields: Any
    ) -> AsyncIterator[str]:
        """The answer to a conversation in pieces of text, as they arrive."""
        request = self._request(messages, model, stream=True, **fields)
        async for chunk in await self.async_client.chat.completions.create(**request):
            if text := _text(chunk, "delta"):
                yield text

    def list_models(self) -> list[str]:
        """The names of the models."""
        return [model.id for model in self.sync_client.models.list()]

    def health_check(self) -> bool:
        """Whether the server answers. Needs neither a key nor the openai client."""
        proxies = urllib.request.ProxyHandler({} if self._server.is_here else None)
        try:
            with urllib.request.build_opener(proxies).open(f"{self._server.root}/health", timeout=_HEALTH_S) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def close(self) -> None:
        """Closes the connections of the synchronous methods."""
        if "sync_client" in self.__dict__:
            self.sync_client.close()

    close_sync = close
    """Its name in claudebridge's library."""

    async def aclose(self) -> None:
        """Closes all connections."""
        self.close()
        if "async_client" in self.__dict__:
            await self.async_client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _request(self, messages: Messages, model: str | None, **fields: Any) -> dict[str, Any]:
        given = {name: fields.pop(name, None) for name in _OWN_FIELDS}
        if own := {name: value for name, value in given.items() if value is not None}:
            fields["extra_body"] = {**(fields.get("extra_body") or {}), **own}
        return {"model": model or self._model, "messages": list(messages), **fields}


def _asking(prompt: str) -> Messages:
    return [{"role": "user", "content": prompt}]


def _openai() -> Any:
    """Imports the openai client, which only this library needs. Raises `DrawbridgeError` without it."""
    try:
        import openai
    except ImportError as error:
        raise DrawbridgeError(
            "The client library needs the package 'openai', which is not installed.",
            hint="Install it with: uv pip install openai",
            title="A package is missing",
        ) from error
    return openai


def _text(reply: Any, part: str) -> str:
    return (getattr(reply.choices[0], part).content or "") if reply.choices else ""
