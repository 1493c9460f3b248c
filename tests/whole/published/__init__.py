"""The examples in the READMEs of four other bridges, word for word, and how they are run against Drawbridge."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.whole.bridge import Bridge

FOLDER = Path(__file__).parent
# claudebridge has one address, the others have another.
ADDRESSES = ("http://localhost:8082", "http://localhost:8000")


def published(*names: str, bridge: Bridge, changes: Mapping[str, str] | None = None) -> str:
    """The examples one after another, with the base URL changed, and what `changes` names."""
    text = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)
    for address in ADDRESSES:
        text = text.replace(address, bridge.url.removesuffix("/v1"))
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    return text


async def output_of(text: str, *, is_shell: bool, **environment: str) -> tuple[int, str, str]:
    """Runs a program of Python or commands of a shell; its return code, what it wrote, and its complaints."""
    command = ("sh", "-e", "-c") if is_shell else (sys.executable, "-c")
    # As `python` is meant in the commands.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        *(*command, text),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**own, "PATH": path, **environment},
        cwd=FOLDER.parent.parent.parent,
    )
    out, complaints = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), complaints.decode()
