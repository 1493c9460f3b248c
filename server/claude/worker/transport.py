"""The door to the SDK: its client speaks through a process that was booted early and is configured late."""

import json
from collections.abc import AsyncIterator
from typing import Any

from server.claude.sdk_types import Transport
from server.claude.worker.process import CliProcess
from server.errors import UnexpectedOutput


class LateTransport(Transport):
    """The SDK's transport over a running `CliProcess`; what the conversation brings goes into its one `initialize`."""

    def __init__(self, process: CliProcess, *, late: dict[str, object]) -> None:
        self._process = process
        self._late: dict[str, object] | None = late

    async def connect(self) -> None:
        """The process runs already."""

    async def write(self, data: str) -> None:
        """Writes the SDK's lines; the first `initialize` among them gets the system prompt, which the SDK cannot send.

        Raises `WorkerDied`, and `UnexpectedOutput` when the SDK writes something that we do not know.
        """
        if self._late is not None:
            line = json.loads(data)
            request = line.get("request", {})
            if line.get("type") != "control_request" or request.get("subtype") != "initialize":
                raise UnexpectedOutput("The SDK did not begin with an initialize request.")
            request.update(self._late)
            self._late = None
            data = json.dumps(line) + "\n"
        await self._process.write_text(data)

    def read_messages(self) -> AsyncIterator[dict[str, Any]]:  # the SDK's own signature
        """What the process says, but for the answers to our own control requests."""
        return self._process.frames()

    async def close(self) -> None:
        """Kills the process: a worker is closed only when nobody wants its answer."""
        await self._process.kill()

    def is_ready(self) -> bool:
        """Whether it can be written to."""
        return self._process.is_alive

    async def end_input(self) -> None:
        """Left out on purpose: the end of its input makes a waiting process send one more request upstream."""
