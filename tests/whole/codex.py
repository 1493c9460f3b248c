"""Runs Codex, unmodified and headless, and reads what of its requests arrived upstream."""

import asyncio
import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.whole.bridge import Bridge
from tests.whole.calling import blocks_of, spoken
from tests.whole.programs import NOWHERE

LIMIT_S = 300
PROVIDER = """
model = "sonnet"
model_provider = "drawbridge"
model_context_window = 200000
web_search = "disabled"
[model_providers.drawbridge]
name = "Drawbridge"
base_url = "{url}"
wire_api = "responses"
"""
ONE_LINE = """
model = "sonnet"
openai_base_url = "{url}"
"""


@dataclass
class Codex:
    """Codex in a home of its own, with a working folder."""

    program: Path
    bridge: Bridge
    home: Path
    desk: Path

    async def run(self, *arguments: str, fails: bool = False, **more: str) -> str:
        """Runs it without a screen; returns all that it printed."""
        process = await self.start(*arguments, **more)
        told = await printed_by(process)
        assert bool(process.returncode) == fails, told
        return told

    async def start(self, *arguments: str, **more: str) -> asyncio.subprocess.Process:
        """Starts it without a screen, with `more` variables."""
        return await asyncio.create_subprocess_exec(
            *(str(self.program), "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**self.bridge.environment, **NOWHERE, "CODEX_HOME": str(self.home), **more},
            cwd=self.desk,
        )


def installed(agents: Path, bridge: Bridge, folder: Path, config: str) -> Codex:
    """Codex with the settings `config` in `folder`."""
    home, desk = folder / "codex", folder / "desk"
    home.mkdir()
    desk.mkdir()
    (home / "config.toml").write_text(config.format(url=bridge.url))
    if config == ONE_LINE:
        (home / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": "anything"}))
    return Codex(agents / "codex", bridge, home, desk)


async def printed_by(process: asyncio.subprocess.Process, *, interrupts: bool = False) -> str:
    """All that the process printed until its end. `interrupts`: it is interrupted first, as by Ctrl-C."""
    try:
        if interrupts:
            process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode(errors="replace")


def texts_of(body: Mapping[str, Any]) -> list[str]:
    return [
        "|".join(block["text"] for block in blocks_of(message["content"]) if block["type"] == "text")
        for message in spoken(body)
        if message["role"] == "user"
    ]


def results_of(body: Mapping[str, Any]) -> list[str]:
    blocks = [block for message in spoken(body) for block in blocks_of(message["content"])]
    return [json.dumps(block["content"]) for block in blocks if block["type"] == "tool_result"]
