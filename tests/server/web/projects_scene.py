"""The HTTP side over projects in a made-up home."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from server.app import create_app
from server.config import Config
from server.keys.key_book import KeyBook
from server.keys.rights import Rights
from server.machine.files.paths import Folders
from server.projects.folders import rules_for
from server.projects.project import Project
from server.projects.store import ProjectStore
from server.tunnel.proof import Proofs
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.access.tunnel_gate import TunnelGate, tunnel_policy
from server.web.control.parts import Parts
from tests.server.web.scene import FakeControl, FakeEngine, client

MAIN = "the-key-of-the-user"


HOST = "claude.example.org"


class Scene:
    """The HTTP side over projects in a made-up home."""

    def __init__(self, folder: Path, listener: str = "local", **config: Any) -> None:
        self.home = folder.resolve() / "home"
        self.root = self.home / "projects"
        self.root.mkdir(parents=True)
        self.config = Config(projects_root=self.root, **config)
        self.book = KeyBook(folder / "settings")
        folders = Folders(folder / "settings", folder / "data", folder / "logs")
        self.store = ProjectStore(
            folder / "data" / "projects.sqlite3",
            rules=lambda: rules_for(folders, self.config.projects_root, {"HOME": str(self.home)}),
        )
        self.control = FakeControl()
        self.engine = FakeEngine(config=self.config)
        parts = Parts(keys=self.book, projects=self.store)
        app = create_app(self.config, self.engine, self.control, parts=parts)
        if listener == "tunnel":
            guarded = AccessMiddleware(app, self._tunnel)
            self.app: Any = TunnelGate(
                guarded, self._tunnel, host=lambda: HOST, find_key=self.book.find, proofs=Proofs()
            )
        else:
            self.app = AccessMiddleware(app, lambda: policy_for(self.config, listener, self.book.find))  # type: ignore[arg-type] # a listener's name

    def _tunnel(self) -> Any:
        return tunnel_policy(self.config, HOST, self.book.find)

    def key(self, name: str = "Talon", **rights: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.book.add(name, Rights(**rights))[1]}"}

    async def add(self, name: str = "shop", **fields: Any) -> Project:
        folder = self.home / "elsewhere" / name
        folder.mkdir(parents=True)
        return await self.store.add(replace(Project("", name, folder), **fields))

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> httpx.Response:
        async with client(self.app, **headers) as c:
            return await c.request(method, f"/v1/projects{path}", json=body)
