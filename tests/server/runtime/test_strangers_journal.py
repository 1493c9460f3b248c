"""What the journal keeps of strangers' requests through the tunnel."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from server.config import Config
from server.keys.named_key import NamedKey, make_key
from server.keys.rights import Rights
from server.runtime.application import open_tunnel
from server.web.access.policy import AccessPolicy
from server.web.access.tunnel_gate import MOST_WRONG_KEYS, tunnel_policy
from server.web.journaling import Entry

HOST = "brave-hills.trycloudflare.com"
KEY, TEXT = make_key("Tunnel", Rights(listeners=("tunnel",)), now=0.0)


def find(text: str) -> NamedKey | None:
    return KEY if KEY.is_text(text) else None


class Tunnel:
    """Takes the application and opens nothing."""

    app: Any = None

    async def serve(self, over: Callable[[Callable[[], AccessPolicy]], Any], find_key: Any, *_: object) -> None:
        self.app = over(lambda: tunnel_policy(Config(), HOST, find_key))

    async def end(self, _: float) -> None:
        pass


class Log:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.added: list[int | None] = []
        self.left_out = 0
        self.arrivals = SimpleNamespace(add_outside=None)
        self.contents = SimpleNamespace(keeper=lambda *_: None)

    def add(self, _: Entry, status: int | None) -> None:
        self.added.append(status)

    def leave_out(self, _: Entry) -> None:
        self.left_out += 1


async def answer(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def test_however_many_strangers_come_the_users_requests_stay_in_the_journal() -> None:
    tunnel, log = Tunnel(), Log()
    parts: Any = SimpleNamespace(keys=SimpleNamespace(find=find), spent=lambda _: None)
    given: Any = (tunnel, answer, parts, log, lambda: None, lambda: 0.0)
    async with open_tunnel(*given):
        transport = httpx.ASGITransport(app=tunnel.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
            for _ in range(3 * MOST_WRONG_KEYS):
                assert (await client.post("/v1/chat/completions", json={})).status_code == 401
            own = await client.post("/v1/chat/completions", json={}, headers={"authorization": f"Bearer {TEXT}"})
            assert own.status_code == 200
            # A browser asks before each request, without the key.
            asks = {"origin": "vscode-file://vscode-app", "access-control-request-method": "POST"}
            assert (await client.options("/v1/chat/completions", headers=asks)).status_code == 204
    assert log.added == [401] * MOST_WRONG_KEYS + [200, 204]
    assert log.left_out == 2 * MOST_WRONG_KEYS
