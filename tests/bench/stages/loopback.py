"""A connection to an application in memory: the server's own protocol class over a transport without a socket."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn import Config as UvicornConfig
from uvicorn.server import ServerState

from server.runtime.listening.connections import Connection, Connections

_MESSAGES = b'[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello?"}]'
BODY = b'{"model":"sonnet","stream":true,"messages":' + _MESSAGES + b"}"
HEADERS = (
    (b"host", b"127.0.0.1:8082"),
    (b"accept", b"application/json"),
    (b"content-type", b"application/json"),
    (b"user-agent", b"OpenAI/Python 3.52.0"),
    (b"authorization", b"Bearer none"),
    (b"content-length", b"%d" % len(BODY)),
)
_REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\n"
    + b"".join(name + b": " + value + b"\r\n" for name, value in HEADERS)
    + b"\r\n"
    + BODY
)
_END = b"0\r\n\r\n"
App = Callable[[Any, Any, Any], Any]


class Line:
    """A kept connection to `app`."""

    def __init__(self, app: App) -> None:
        config = UvicornConfig(
            app, interface="asgi3", http="h11", ws="none", lifespan="off", log_config=None, proxy_headers=False
        )
        config.load()
        self._transport = _Transport()
        self._connection = Connection(
            connections=Connections(8), config=config, server_state=ServerState(), app_state={}
        )
        self._connection.connection_made(self._transport)

    async def ask(self) -> None:
        """Sends the request and reads the response to its end."""
        self._transport.ended = asyncio.Event()
        self._connection.data_received(_REQUEST)
        await self._transport.ended.wait()


class _Transport(asyncio.Transport):
    """Discards what is written. `ended` is set at the end of a chunked response."""

    ended: asyncio.Event

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if bytes(data).endswith(_END):
            self.ended.set()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8082)}.get(name, default)

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


async def answer_shortly(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the request and answers at once."""
    await answer_in_chunks(b"ok", 1)(scope, receive, send)


def answer_in_chunks(chunk: bytes, count: int) -> App:
    """An application that reads the request and answers with `count` chunks."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(count):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app
