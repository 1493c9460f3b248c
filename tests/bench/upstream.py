"""The stand-in in its own process, so that it shares no event loop with what is measured.

`python -m tests.bench.upstream` prints its address on the first line and serves until its input ends.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.standin.script import Script, say
from server.standin.server import Recorded, open_standin
from tests.whole.bridge import ROOT

_CHUNKS = ("A ", "quick ", "answer ", "of ", "a ", "few ", "words.")
WORDS = "".join(_CHUNKS)
_STREAM = "stream"


def streamed(tokens: int, gap_s: float) -> str:
    """Returns the question that is answered with that many tokens, `gap_s` seconds apart."""
    return f"{_STREAM} {tokens} {gap_s}"


def answer(recorded: Recorded) -> Script:
    """A short answer at once, or the stream that the question describes."""
    match _question(recorded.body).split():
        case [word, tokens, gap_s] if word == _STREAM:
            return say(*(" token" for _ in range(int(tokens))), gap_s=float(gap_s))
        case _:
            return say(*_CHUNKS)


def _question(body: dict[str, object]) -> str:
    """Returns the last text of the user."""
    messages = body.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if message.get("role") == "user":
            content = message["content"]
            return content if isinstance(content, str) else str(content[-1].get("text", ""))
    return ""


@asynccontextmanager
async def open_upstream() -> AsyncIterator[str]:
    """The address of a stand-in, which runs while the block does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.upstream"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            url = (await process.stdout.readline()).decode().strip()
        assert url, "the stand-in did not start"
        yield url
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _serve() -> None:
    async with open_standin(answer, keep=0) as standin:
        print(standin.url, flush=True)
        # Ends with the process that started it, however that ends.
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
