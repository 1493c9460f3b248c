"""Starts the real server for a test, and sends it requests."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from server.standin.server import Standin
from tests.ports import free_port
from tests.whole.checked import keep_verdict

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 60.0
# A check that times out on a busy machine is retried after half a minute.
CHECK_S = 100.0


@dataclass
class Bridge:
    """A running server: its address, its process, its folders, and an HTTP client that uses no proxy."""

    url: str
    process: asyncio.subprocess.Process
    folder: Path
    environment: dict[str, str]
    client: httpx.AsyncClient
    first_line: str
    complaints: list[str] = field(default_factory=list)

    async def chat(self, *turns: str, headers: Mapping[str, str] | None = None, **fields: Any) -> httpx.Response:
        """Posts a whole chat of alternating user and assistant turns."""
        return await self.post({"messages": messages(*turns), **fields}, headers=headers)

    async def post(self, body: object, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Posts a chat body as it is."""
        return await self.client.post("/chat/completions", json=body, headers=headers)

    async def stream(self, *turns: str, **fields: Any) -> list[str]:
        """Returns the lines of a streamed answer without the blank ones."""
        body = {"messages": messages(*turns), "stream": True, **fields}
        async with self.client.stream("POST", "/chat/completions", json=body) as response:
            assert response.status_code == 200, await response.aread()
            return [line async for line in response.aiter_lines() if line]

    async def health(self) -> dict[str, Any]:
        """The full /health."""
        answer = await self.client.get(self.url.removesuffix("/v1") + "/health")
        found: dict[str, Any] = answer.json()
        return found

    async def until_pool(self, **counts: int) -> dict[str, Any]:
        """Waits, with a timeout, until the pool has these counts."""
        async with asyncio.timeout(START_S):
            while True:
                pool: dict[str, Any] = (await self.health())["pool"]
                if all(pool[name] == count for name, count in counts.items()):
                    return pool
                await asyncio.sleep(0.05)

    async def until_checked(self) -> dict[str, Any]:
        """Waits, with a timeout, for the end of the self-check; returns `engine` of /health."""
        async with asyncio.timeout(CHECK_S):
            while not (engine := (await self.health())["engine"])["checked"]:
                await asyncio.sleep(0.05)
        return dict(engine)

    @property
    def server(self) -> psutil.Process:
        """The server's process."""
        return psutil.Process(self.process.pid)

    def workers(self) -> list[psutil.Process]:
        """Its Claude Code processes, without their children, which look the same for a moment."""
        return [child for child in self.server.children() if is_claude(child)]

    @property
    def log(self) -> str:
        """The text of its log so far."""
        return "".join(path.read_text() for path in sorted((self.folder / "logs").glob("*.log*")))

    async def stop(self) -> int:
        """Ends it by SIGTERM, with a timeout; returns its exit code."""
        if self.process.returncode is None:
            os.kill(self.process.pid, signal.SIGTERM)
        async with asyncio.timeout(30):
            return await self.process.wait()


def is_claude(process: psutil.Process) -> bool:
    """Whether it is a worker."""
    with suppress(psutil.Error):
        return "--output-format" in process.cmdline()
    return False


def lives(process: psutil.Process) -> bool:
    """Whether it runs and is no zombie."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


async def gone(processes: list[psutil.Process], bound_s: float) -> list[psutil.Process]:
    """Waits at most `bound_s` for all `processes` to end; returns those still alive."""
    alive = processes
    for _ in range(int(bound_s / 0.05)):
        alive = [process for process in alive if lives(process)]
        if not alive:
            break
        await asyncio.sleep(0.05)
    return alive


def messages(*turns: str) -> list[dict[str, str]]:
    """Returns messages of alternating roles, the first of the user."""
    return [{"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(turns)]


def data_of(lines: list[str]) -> list[dict[str, Any]]:
    """Returns the JSON of a stream's data lines, without [DONE]."""
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]


def text_of(lines: list[str]) -> str:
    """Returns the text of a stream."""
    chunks = [chunk for chunk in data_of(lines) if chunk.get("choices")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def conversation_of(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns what arrived upstream as (role, text), without Claude Code's environment note."""
    found = []
    for message in body["messages"]:
        content = message["content"]
        if message["role"] != "system":
            texts = [content] if isinstance(content, str) else [block["text"] for block in content]
            found.append((message["role"], "|".join(texts)))
    return found


def child_environment(folder: Path, **more: str) -> dict[str, str]:
    """Returns a clean environment with an empty HOME below `folder`."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**keep, "HOME": str(home), "USERPROFILE": str(home), **more}


def account(standin: Standin) -> dict[str, str]:
    """Returns the variables that direct Claude Code to the stand-in."""
    return {"ANTHROPIC_BASE_URL": standin.url, "ANTHROPIC_API_KEY": "sk-test-0123456789abcdef"}


@asynccontextmanager
async def open_bridge(
    standin: Standin | None,
    folder: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    is_checked: bool = True,
    is_live: bool = True,
    program: str = "server",
    is_port_free: bool = False,
) -> AsyncIterator[Bridge]:
    """`python -m server` on a free port, with its folders below `folder`; it is ended with the block.

    `is_checked`: the self-check has passed in an earlier run, so that workers are reused from the start. `is_live`: for
    any system prompt and tools. `is_port_free`: the settings file names the port, so that it can be changed.
    """
    if is_checked:
        await keep_verdict(folder / "data", is_live=is_live)
    child = child_environment(folder, **(account(standin) if standin else {}), **(environment or {}))
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    child["TMPDIR"] = str(temporary)
    own = [] if "--port" in options or is_port_free else ["--port", str(free_port())]
    if is_port_free:
        file = folder / "home" / ".config" / "drawbridge" / "settings.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"port = {free_port()}\n")
    own += ["--data-dir", str(folder / "data"), "--log-dir", str(folder / "logs")]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", program, *own, *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=child,
    )
    complaints: list[str] = []
    drain = asyncio.create_task(_drain(process, complaints))
    try:
        async with asyncio.timeout(START_S):
            assert process.stdout is not None
            first_line = (await process.stdout.readline()).decode().strip()
        assert first_line.startswith("Drawbridge listening on "), (first_line, complaints)
        url = first_line.removeprefix("Drawbridge listening on ")
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            yield Bridge(url, process, folder, child, client, first_line, complaints)
    finally:
        await _end(process)
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)


async def _drain(process: asyncio.subprocess.Process, complaints: list[str]) -> None:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        complaints.append(line.decode(errors="replace").rstrip())


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                await process.wait()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
