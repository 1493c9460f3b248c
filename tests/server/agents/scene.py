"""A server over the real Claude Code and the stand-in, with projects, and an OpenAI client that asks its agents."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from openai import AsyncOpenAI

from server.agents.asking.questions import Decision, Question
from server.agents.rules.launch import Sandbox
from server.app import create_app
from server.config import Config
from server.dialects.registry import DIALECTS
from server.machine.files.paths import Folders
from server.projects.folders import FolderRules
from server.projects.project import Project
from server.projects.store import ProjectStore
from server.runtime.engine import Engine, open_engine
from server.sessions.store import SessionStore
from server.standin.script import Block, Reply, Text, call
from server.standin.server import Recorded, Standin, default_answer, open_standin
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from tests.server.web.scene import listening
from tests.whole.bridge import account
from tests.whole.checked import keep_verdict

_NUMBERS = itertools.count(1)
SECRET = "the-secret-outside"  # a text to be found


class KnownProjects(ProjectStore):
    """Finds the projects that it was given."""

    def __init__(self, *known: Project) -> None:
        super().__init__(rules=lambda: FolderRules(Path("/nowhere"), (), ()))
        self.known = list(known)

    async def find(self, name_or_id: str) -> Project | None:
        return next((one for one in self.known if name_or_id in {one.id, one.name}), None)


@dataclass
class Person:
    """Decides about each question in the same way, and keeps the questions. None: nobody answers."""

    decision: Decision | None = "refuse"
    questions: list[Question] = field(default_factory=list)
    withdrawn: list[Question] = field(default_factory=list)
    waits: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, question: Question) -> Decision | None:
        self.questions.append(question)
        self.asked.set()
        try:
            if self.waits:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.withdrawn.append(question)
            raise
        return self.decision


@dataclass
class Agency:
    """The running server and what a test needs of it. `outside` is the folder around the project's."""

    standin: Standin
    engine: Engine
    projects: KnownProjects
    person: Person
    url: str
    outside: Path
    openai: AsyncOpenAI
    config: Config
    sessions: SessionStore
    kept: Path
    session: str = "session"

    @property
    def project(self) -> Project:
        return self.projects.known[0]

    @property
    def folder(self) -> Path:
        return self.project.folder

    async def renew(self) -> None:
        """A new folder, a read-only project, a person who refuses, and the default settings."""
        # A process writes to its folder until it has ended.
        await self.end_held()
        shutil.rmtree(self.outside)
        (self.outside / "work").mkdir(parents=True)
        (self.outside / "secret.txt").write_text(f"{SECRET}\n")
        (self.folder / "notes.txt").write_text("alpha\nbeta\n")
        self.projects.known[:] = [Project("p1", "demo", self.folder)]
        self.engine.agents.approvals = self.person = Person()
        self.engine.agents._sandbox = None
        self.engine.apply(self.config)
        self.engine.agents.release()
        self.engine.agents._context.kept.forget_all()
        self.sessions.follow_settings()
        self.session = f"session-{next(_NUMBERS)}"
        self.standin.requests.clear()
        self.standin.script(default_answer)
        await self.at_rest()

    async def at_rest(self) -> None:
        """Waits until all answers are settled, and those processes have ended that are to end."""
        openings = self.engine.agents._openings
        while openings.running:
            await asyncio.sleep(0.01)
        await openings.held.end(lambda _: False)
        await asyncio.gather(*openings.spares._tasks, return_exceptions=True)

    async def end_held(self) -> None:
        """Ends the processes that wait, as after their time."""
        await self.at_rest()
        await self.engine.agents._openings.held.end()

    def without_sandbox(self) -> None:
        """As on a computer where none works."""
        found: asyncio.Future[Sandbox | None] = asyncio.get_running_loop().create_future()
        found.set_result(None)
        self.engine.agents._sandbox = found  # the engine looks for it only once

    def become(self, **changes: Any) -> None:
        """Changes the project."""
        self.projects.known[0] = replace(self.project, **changes)

    def configure(self, **changes: Any) -> None:
        """Changes the settings."""
        self.engine.apply(replace(self.engine.config, **changes))
        self.sessions.follow_settings()

    def upstream(self) -> list[dict[str, Any]]:
        """The bodies that arrived at the stand-in."""
        return [request.body for request in self.standin.requests]

    def results(self) -> list[dict[str, Any]]:
        """The tool results that the last request told Claude."""
        return results_in(self.upstream()[-1])

    def plain_client(self) -> httpx.AsyncClient:
        """A client for plain requests of any dialect."""
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=120)

    async def does(self, *calls: Block, say: str = "Done.", **fields: Any) -> str:
        """Has Claude make each of these calls in a message of its own, and returns the answer's text."""
        self.standin.script(*(acts(one) for one in calls), says(say))
        body = {"model": f"sonnet@{self.project.name}", "messages": [{"role": "user", "content": "Go."}], **fields}
        async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
            answer = await client.post(f"{self.url}/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["choices"][0]["message"]["content"])


def says(text: str) -> Reply:
    """A message of text, the last one of a turn."""
    return Reply((Text((text,)),))


def acts(*blocks: Block) -> Reply:
    """A message that stops for its calls."""
    return Reply(blocks, stop_reason="tool_use")


def results_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All tool results in a request, in order."""
    return [
        block
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block.get("type") == "tool_result"
    ]


def words(result: Mapping[str, Any]) -> str:
    """The text of a tool result."""
    content = result.get("content")
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content or [])


def run(command: str) -> Block:
    """A call of Bash."""
    return call("Bash", {"command": command, "description": "Run it"})


@asynccontextmanager
async def open_agency(
    folder: Path, monkeypatch: pytest.MonkeyPatch, config: Config | None = None, **project: Any
) -> AsyncIterator[Agency]:
    """A server whose only project is the folder `work` below `folder`."""
    work = folder / "outside" / "work"
    work.mkdir(parents=True)
    (work.parent / "secret.txt").write_text(f"{SECRET}\n")
    (work / "notes.txt").write_text("alpha\nbeta\n")
    async with open_standin() as standin:
        for name, value in account(standin).items():
            monkeypatch.setenv(name, value)
        await keep_verdict(folder / "d")
        config = replace(config or Config(), agent_mode=True, pool_size=1, retries=0, without_breaker=True)
        async with open_engine(config, Folders(folder / "c", folder / "d", folder / "l")) as engine:
            sessions = SessionStore(lambda: engine.config, folder / "d" / "sessions.sqlite3")
            sessions.follow_settings()
            person, projects = Person(), KnownProjects(Project("p1", "demo", work.resolve(), **project))
            engine.agents.approvals = person
            app = create_app(config, engine, parts=Parts(projects=projects, sessions=sessions))
            listener = AccessMiddleware(app, lambda: policy_for(engine.config), dialects=DIALECTS)
            async with (
                listening(listener) as port,
                AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as openai,
            ):
                url = f"http://127.0.0.1:{port}"
                kept = folder / "d" / "agents"
                yield Agency(standin, engine, projects, person, url, work.parent, openai, config, sessions, kept)
            sessions.close()


def marked(text: str) -> list[psutil.Process]:
    """The running processes whose command line contains `text`."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if text in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def agents_here(agency: Agency) -> list[psutil.Process]:
    """The running processes of this server's agents, but for the one that was started in advance."""
    spare = agency.engine.agents._openings.spares.pid
    found = [one for one in psutil.Process().children() if "--permission-prompt-tool" in command_of(one)]
    return [one for one in found if one.pid != spare]


def command_of(process: psutil.Process) -> str:
    """Its command line; empty once it has ended."""
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())
    except psutil.Error:
        return ""


__all__ = ["SECRET", "Agency", "Recorded", "acts", "marked", "open_agency", "results_in", "run", "says", "words"]
