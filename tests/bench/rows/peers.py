"""Other bridges to Claude Code, where they are installed: the same requests in the same run on the same stand-in.

Each is found by its command on PATH: `claudebridge`, `claude-wrapper` and `meridian`.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.bench.caller import Caller, open_caller
from tests.bench.measuring import Fact, Found, Timing, line
from tests.bench.scene import KNOWN, Scene
from tests.bench.upstream import WORDS
from tests.ports import free_port
from tests.whole.bridge import child_environment

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Another bridge: its command, the variable for its port, and the path of its chat completions."""

    name: str
    command: str
    port: str
    path: str


PEERS = (
    Peer("claudebridge", "claudebridge", "PORT", "/api/v1/chat/completions"),
    Peer("claude-code-openai-wrapper", "claude-wrapper", "PORT", "/v1/chat/completions"),
    Peer("meridian", "meridian", "MERIDIAN_PORT", "/v1/chat/completions"),
)


async def next_turn(scene: Scene, caller: Caller) -> Timing:
    """The next turn of a conversation."""
    first = scene.new("Begin.")
    await caller.ask([first], system=KNOWN)
    return await caller.ask([first, WORDS, scene.new("Next?")], system=KNOWN)


async def fresh(scene: Scene, caller: Caller) -> Timing:
    """A fresh conversation under the same system prompt."""
    return await caller.ask([scene.new("Hello?")], system=KNOWN)


async def new_prompt(scene: Scene, caller: Caller) -> Timing:
    """A fresh conversation under a new system prompt."""
    return await caller.ask(["Hello?"], system=scene.new("You are somebody else."))


KINDS: Sequence[tuple[str, Callable[[Scene, Caller], Awaitable[Timing]]]] = (
    ("next turn", next_turn),
    ("same system prompt", fresh),
    ("new system prompt", new_prompt),
)


async def measure_peers(scene: Scene) -> list[Found]:
    """The lines of each peer beside ours, in turns with the bare client; one that does not start or answer says so."""
    found: list[Found] = []
    for peer in PEERS:
        command = shutil.which(peer.command)
        if command is None:
            found.append(Fact(f"beside it: {peer.name}", "not installed"))
            continue
        try:
            async with _started(scene, peer, command) as caller:
                found += await _beside(scene, peer, caller)
        except (OSError, TimeoutError, AssertionError) as error:
            found.append(Fact(f"beside it: {peer.name}", "does not answer", note=f"{error!r}"[:200]))
    return found


async def _beside(scene: Scene, peer: Peer, caller: Caller) -> list[Found]:
    ours: dict[str, list[Timing]] = {name: [] for name, _ in KINDS}
    theirs: dict[str, list[Timing]] = {name: [] for name, _ in KINDS}
    bares: list[Timing] = []
    for _ in range(scene.scale.repeats):
        bares.append(await scene.bare.ask(scene.new("Next?")))
        for name, ask in KINDS:
            theirs[name].append(await ask(scene, caller))
            await scene.settle()
            ours[name].append(await ask(scene, scene.caller))
    sides = (("ours", ours), (peer.name, theirs))
    return [line(f"{name}, {side}", timings[name], bare=bares) for name, _ in KINDS for side, timings in sides]


@asynccontextmanager
async def _started(scene: Scene, peer: Peer, command: str) -> AsyncIterator[Caller]:
    port, folder = free_port(), scene.folder / peer.name
    folder.mkdir()
    account = {name: scene.environment[name] for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")}
    process = await asyncio.create_subprocess_exec(
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={**child_environment(folder), **account, peer.port: str(port)},
        start_new_session=os.name == "posix",
    )
    try:
        await _until_open(process, port)
        async with open_caller(f"http://127.0.0.1:{port}", path=peer.path) as caller:
            # The first answer is slower than those that follow.
            await fresh(scene, caller)
            yield caller
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_open(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            assert process.returncode is None, f"it ended with {process.returncode}"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return
