"""The wheel, installed in an empty environment."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.whole.bridge import ROOT, child_environment

# Copied before a test removes HOME: the cache of uv is there.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}

pytestmark = [pytest.mark.outside, pytest.mark.timeout(600)]


def run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=500)
    if done.returncode:
        if "error sending request" in done.stderr or "dns error" in done.stderr:
            pytest.skip(f"packages cannot be fetched here: {done.stderr.strip()[-200:]}")
        pytest.fail(done.stderr[-2000:])


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs of an environment that contains only the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    run("uv", "build", "--quiet", "--wheel", "--out-dir", folder)
    run("uv", "venv", "--quiet", "--python", sys.executable, folder / "venv")
    (wheel,) = folder.glob("*.whl")
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run("uv", "pip", "install", "--quiet", "--python", python, wheel)
    return python.parent


async def test_it_answers_in_demo_mode_and_carries_its_pages(programs: Path, tmp_path: Path) -> None:
    port = free_port()
    options = ["--demo", "--port", str(port), "--data-dir", str(tmp_path / "data"), "--log-dir", str(tmp_path / "logs")]
    process = await asyncio.create_subprocess_exec(
        str(programs / "drawbridge"),
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=tmp_path,
        env=child_environment(tmp_path),
    )
    try:
        assert process.stdout is not None
        first_line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert first_line.decode().strip() == f"Drawbridge listening on http://127.0.0.1:{port}/v1"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            body = {"messages": [{"role": "user", "content": "hi"}]}
            reply = await client.post("/v1/chat/completions", json=body)
            assert "demo" in reply.json()["choices"][0]["message"]["content"]
            page = await client.get("/", headers={"accept": "text/html"})
            assert page.headers["content-type"].startswith("text/html")
            assert (await client.get("/docs")).status_code == 200
            assert (await client.get("/manual/api")).status_code == 200
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0


def test_it_says_its_version(programs: Path) -> None:
    done = subprocess.run([programs / "drawbridge", "--version"], capture_output=True, text=True, check=True)
    assert "0.1.0" in done.stdout
