"""Runs programs of clients against a server."""

import asyncio
from pathlib import Path

from tests.whole.bridge import Bridge

CLIENTS = Path(__file__).parent / "clients"
# Programs that report usage to their makers cannot reach them.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
LIMIT_S = 120


async def printed(bridge: Bridge, *command: str | Path, folder: Path | None = None, **more: str) -> str:
    """Runs a client's program in `folder` or the server's, which must succeed; returns what it prints."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**bridge.environment, **NOWHERE, **more},
        cwd=folder or bridge.folder,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (out.decode(), err.decode())
    return out.decode().strip()


def llm_folder(bridge: Bridge, url: str) -> str:
    """Returns a settings folder for `llm` with the server at `url` as its model `bridge`."""
    folder = bridge.folder / "llm"
    folder.mkdir(exist_ok=True)
    model = f"- model_id: bridge\n  model_name: sonnet\n  api_base: {url}\n"
    (folder / "extra-openai-models.yaml").write_text(f"{model}  supports_tools: true\n  supports_schema: true\n")
    return str(folder)
