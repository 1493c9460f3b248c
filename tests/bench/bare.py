"""The bare SDK client, connected and warm. Everything is compared with the first token of its next turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ResultMessage, StreamEvent

from tests.bench.measuring import Timing


class Bare:
    """One conversation through the SDK, as a program has it that needs only the text."""

    def __init__(self, client: ClaudeSDKClient) -> None:
        self._client = client

    async def ask(self, question: str) -> Timing:
        """Sends the next turn and measures it."""
        sent, first = time.perf_counter(), 0.0
        await self._client.query(question)
        async with asyncio.timeout(60):
            async for message in self._client.receive_response():
                if isinstance(message, StreamEvent) and not first and "text" in message.event.get("delta", {}):
                    first = time.perf_counter()
                if isinstance(message, ResultMessage):
                    assert not message.is_error, message.result
        assert first, "the bare client got no text"
        return Timing((first - sent) * 1000, (time.perf_counter() - sent) * 1000)


@asynccontextmanager
async def open_bare(cli: Path, folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Bare]:
    """A connected client whose process has answered once; `environment` is that of our server."""
    folder.mkdir(exist_ok=True)
    options = ClaudeAgentOptions(
        include_partial_messages=True,
        tools=[],
        setting_sources=[],
        cwd=folder,
        cli_path=cli,
        env=dict(environment),
    )
    client = ClaudeSDKClient(options)
    await client.connect()
    try:
        bare = Bare(client)
        await bare.ask("The first turn of a process is slower than those that follow.")
        yield bare
    finally:
        await client.disconnect()
