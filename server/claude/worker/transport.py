"""The SDK's transport over a process that was booted early and is configured late."""

import json
from collections.abc import AsyncIterator
from typing import Any

from server.claude.sdk_types import Transport
from server.claude.worker.process import CliProcess
from server.errors import UnexpectedOutput


class LateTransport(Transport):
    """Adds the conversation's `late` fields to the SDK's one `initialize` request.

    Only control frames pass through the SDK: its parsing of messages took a third of our CPU time per token.
    """

    def __init__(self, process: CliProcess, *, late: dict[str, object]) -> None:
        self._process = process
        self._late: dict[str, object] | None = late

    async def connect(self) -> None:
        """Does nothing: the process is running."""

    async def write(self, data: str) -> None:
        """Writes the SDK's lines, the first with the system prompt. Raises `WorkerDied` or `UnexpectedOutput`."""
        if self._late is not None:
            line = json.loads(data)
            request = line.get("request", {})
            if line.get("type") != "control_request" or request.get("subtype") != "initialize":
                raise UnexpectedOutput("The SDK did not begin with an initialize request.")
            request.update(self._late)
            self._late = None
            await self._process.write(line)
        else:
            await self._process.write_text(data)

    def read_messages(self) -> AsyncIterator[dict[str, Any]]:  # the SDK's own signature
        """The control frames for the SDK."""
        return self._process.sdk_frames()

    async def close(self) -> None:
        """Kills the process: a worker is closed only when its answer is no longer wanted."""
        await self._process.kill()

    def is_ready(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive

    async def end_input(self) -> None:
        """Does nothing: closing stdin makes a process that waits for tool results send one more request upstream."""
