"""A server with scripted answers behind each provider's double, and requests to it from outside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from server.app import create_app
from server.config import Config
from server.keys.key_book import KeyBook
from server.keys.tunnel_key import ensure_tunnel_key
from server.runtime.listening.tunnel_listener import TunnelListener
from server.status import TunnelStatus
from server.tunnel.manager import TunnelManager
from server.tunnel.proof import Proofs
from server.web.access.middleware import AccessMiddleware
from server.web.access.policy import AccessPolicy
from server.web.access.tunnel_gate import TunnelGate, tunnel_policy
from server.web.control.parts import Parts
from server.web.interfaces import ControlPort
from tests.ports import free_port
from tests.server.machine.tunnels.scenes import NAMED_HOST, Scene, scene_of
from tests.server.web.scene import FakeEngine


class NamedDoor(TunnelListener):
    """Tells its port to the double of a named tunnel, or to the user's reverse proxy, as the user does."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    async def open(self, port: int) -> int:
        port = await super().open(port)
        (self._scene.doubles.folder / "cloudflared.named").write_text(f"{NAMED_HOST} {port}")
        if self._scene.provider.traits.name == "own":
            self._scene.edge.names[NAMED_HOST] = port
        return port


class Control:
    token = "instance-token"
    can_quit = False

    def stop(self) -> None:
        raise AssertionError

    quit = stop


@dataclass
class Outside:
    scene: Scene
    engine: FakeEngine
    manager: TunnelManager
    listener: TunnelListener
    book: KeyBook
    key: str
    changes: asyncio.Queue[TunnelStatus]

    async def until(self, state: str) -> TunnelStatus:
        async with asyncio.timeout(60):
            while (status := await self.changes.get()).state != state:
                assert status.state != "failed", status
        return status

    async def open(self) -> TunnelStatus:
        await self.manager.open(self.scene.provider.traits.name, self.scene.host)
        return await self.until("open")

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client out on the internet: it knows the public name and the key."""
        host = self.manager.status.url.removeprefix("https://")
        given = {"host": host, "authorization": f"Bearer {self.key}", **headers}
        base = f"http://127.0.0.1:{self.scene.edge.port}"
        kept = {name: value for name, value in given.items() if value}
        async with httpx.AsyncClient(base_url=base, headers=kept, timeout=60, trust_env=False) as client:
            yield client

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        async with self.client(**headers) as client:
            return await client.request(method, path, json=body)


async def _soon(_: float) -> None:
    await asyncio.sleep(0.05 if _ < 60 else 3600)


@asynccontextmanager
async def outside_of(name: str, folder: Path, engine: FakeEngine | None = None) -> AsyncIterator[Outside]:
    async with scene_of(name, folder) as scene:
        engine = engine or FakeEngine()
        book = KeyBook(folder / "settings")
        config = Config(tunnel_port=free_port() if scene.provider.traits.has_fixed_port else 0)
        control: ControlPort = Control()
        app = create_app(config, engine, control, parts=Parts(keys=book))
        proofs, listener = Proofs(), NamedDoor(scene)

        def policy() -> AccessPolicy:
            return tunnel_policy(config, listener.host, book.find)

        listener.app = TunnelGate(
            AccessMiddleware(app, policy, listener="tunnel"),
            policy,
            host=lambda: listener.host,
            find_key=book.find,
            proofs=proofs,
            on_use=listener.use,
        )

        async def fetch(url: str) -> bytes:
            host, _, path = url.removeprefix("https://").partition("/")
            async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
                try:
                    answer = await client.get(f"http://127.0.0.1:{scene.edge.port}/{path}", headers={"host": host})
                    answer.raise_for_status()
                except httpx.HTTPError as error:
                    raise OSError(str(error)) from error
                return answer.content

        manager = TunnelManager(
            {scene.provider.traits.name: scene.provider}, listener, proofs, fetch, config=lambda: config, sleep=_soon
        )
        changes: asyncio.Queue[TunnelStatus] = asyncio.Queue()
        manager.on_change = lambda: changes.put_nowait(manager.status)
        _, key = ensure_tunnel_key(book)
        assert key is not None
        try:
            yield Outside(scene, engine, manager, listener, book, key, changes)
        finally:
            await manager.close()
