"""Runs Claude Code, unmodified and without a screen, as a client of a server."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from server.claude.cli.locate import bundled_cli
from tests.whole.bridge import Bridge
from tests.whole.programs import NOWHERE

LIMIT_S = 300
NONE: Mapping[str, str] = MappingProxyType({})
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}


@dataclass
class ClaudeCode:
    """Claude Code in a home of its own, with a working folder."""

    bridge: Bridge
    home: Path
    desk: Path

    async def run(self, *arguments: str, fails: bool = False, **more: str) -> Any:
        """Runs it once and returns its report."""
        process = await self.start("--output-format", "json", *arguments, variables=more)
        out = await ended(process)
        assert bool(process.returncode) == fails, out
        return json.loads(out)

    async def start(
        self, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL, variables: Mapping[str, str] = NONE
    ) -> asyncio.subprocess.Process:
        """Starts it without a screen, with more `variables`."""
        address = {"ANTHROPIC_BASE_URL": self.bridge.url.removesuffix("/v1"), "ANTHROPIC_API_KEY": "anything"}
        home = {"HOME": str(self.home), "USERPROFILE": str(self.home)}
        return await asyncio.create_subprocess_exec(
            *(str(bundled_cli()), "-p", "--model", "claude-sonnet-5", *arguments),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**self.bridge.environment, **NOWHERE, **address, **QUIET, **home, **variables},
            cwd=self.desk,
            limit=16 * 1024 * 1024,
        )


def installed(bridge: Bridge, folder: Path) -> ClaudeCode:
    """Claude Code without any settings, in `folder`."""
    home, desk = folder / "client", folder / "desk"
    home.mkdir()
    desk.mkdir()
    return ClaudeCode(bridge, home, desk)


async def ended(process: asyncio.subprocess.Process) -> str:
    """All that the process printed until its end."""
    try:
        out, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode(errors="replace")
