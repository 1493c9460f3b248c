"""The page over a server with scripted answers and a real journal, which may be filled before."""

import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from server.app import create_app
from server.config import Config
from server.conversation.events import Usage
from server.journal.journal import Journal
from server.journal.record import Record
from server.journal.tables import insert
from server.machine.files.paths import Folders
from server.runtime.services.journal import open_request_log
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from tests.server.web.scene import ASK, FakeControl, FakeEngine, listening

ANSWERED = Record(
    *("req_1", 0.0, "local", "Cline", "/v1/chat/completions", "answered", 200, "chat_completions", "gpt-4o"),
    *("claude-sonnet-5", "continued"),
    usage=Usage(input=30, cache_creation=100, cache_read=2000, output=400, thinking=50),
    cost_usd=0.25,
    payer="plan",
    leased_ms=3.0,
    first_ms=700.0,
    total_ms=2500.0,
    read_ms=1.0,
    sent_ms=25.0,
)


@dataclass(frozen=True)
class Scene:
    """A running server: its address, its engine and its journal."""

    origin: str
    engine: FakeEngine
    journal: Journal

    async def ask(self, app: str = "Talon", **fields: object) -> httpx.Response:
        """Sends a request and waits until it is in the journal."""
        async with httpx.AsyncClient(trust_env=False) as client:
            url, headers = f"{self.origin}/v1/chat/completions", {"x-title": app}
            reply = await client.post(url, json={**ASK, **fields}, headers=headers)
        self.journal.database.flush()
        return reply

    def put(self, records: Iterable[Record]) -> None:
        """Writes records into the journal."""

        def write(connection: sqlite3.Connection) -> None:
            for record in records:
                insert(connection, record)

        self.journal.database.put(write)
        self.journal.database.flush(60)


def made(count: int, **known: object) -> list[Record]:
    """Requests of the last hour, the latest one last."""
    now = time.time()
    step = 3000 / max(1, count)
    return [
        replace(ANSWERED, id=f"req_{number}", ended_at=now - (count - number) * step, **known)  # type: ignore[arg-type]
        for number in range(count)
    ]


@asynccontextmanager
async def serving(folder: Path, *, days: int = 30) -> AsyncIterator[Scene]:
    """A server whose journal is in `folder`."""
    engine, control = FakeEngine(config=Config(journal_days=days)), FakeControl()
    folders = Folders(folder, folder, folder)
    with open_request_log(folders, lambda: engine.config, engine, lambda: None) as log:
        parts = Parts(journal=log.journal, arrivals=log.arrivals, hub=log.hub, contents=log.contents)
        app = create_app(engine.config, engine, control, clock=time.time, parts=parts)
        async with listening(AccessMiddleware(app, lambda: policy_for(engine.config), on_end=log.add)) as port:
            try:
                yield Scene(f"http://127.0.0.1:{port}", engine, log.journal)
            finally:
                log.hub.close()
