"""Programs that tests need and that no command of the README installs: Node packages, and the heavy Python clients."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = Path(__file__).parent / "whole" / "clients"
# Filled once for a recipe and kept from run to run.
KEPT = ROOT / ".clients"
# It pins every package that it needs, many of them old: no environment can be shared with it.
AIDER = "aider-chat==0.86.2"
AIDER_PYTHON = "3.11"
# Before any test has taken HOME away: uv and npm keep their caches there.
ENVIRONMENT = dict(os.environ)


def run(command: list[str], *, folder: Path, reason: str, **more: str) -> None:
    """Runs an installer; the test is skipped with `reason` when it cannot do its work."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{reason}: there is no {command[0]} on this machine")
    environment = {**ENVIRONMENT, **more}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)
    if done.returncode:
        pytest.skip(f"{reason}: {' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}")


def kept_folder(name: str, recipe: bytes) -> tuple[Path, Path]:
    """A kept folder, emptied if it was not filled by this recipe, and the mark to make when it is."""
    folder = KEPT / name
    mark = folder / f"filled-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder, mark


def node_packages(name: str, *command: str) -> Path:
    """A kept folder with the Node packages that a folder of programs asks for, and with this day's programs."""
    source = CLIENTS / name
    recipe = [file.read_bytes() for file in sorted(source.glob("package*.json"))]
    folder, mark = kept_folder(name, b"".join(recipe))
    for file in source.iterdir():
        shutil.copy(file, folder)
    if not mark.exists():
        reason = f"the Node packages ({name}) cannot be installed"
        run(["npm", *command, "--loglevel=error"], folder=folder, reason=reason)
        mark.touch()
    return folder


@pytest.fixture(scope="session")
def node_clients() -> Path:
    """The folder with the programs over the official Node client and the AI SDK, installed from its lock."""
    return node_packages("node", "ci")


@pytest.fixture(scope="session")
def agents() -> Path:
    """The programs of coding agents that come as Node packages: in a lock npm forgets other systems' binaries."""
    return node_packages("agents", "install", "--no-package-lock", "--no-fund", "--no-audit") / "node_modules" / ".bin"


@pytest.fixture(scope="session")
def python_clients() -> Path:
    """The programs of an environment with the heavy Python clients, kept beside the project's own."""
    folder = ROOT / ".venv-clients"
    ENVIRONMENT.pop("VIRTUAL_ENV", None)
    command = ["uv", "sync", "--quiet", "--only-group", "clients", "--no-install-project"]
    reason = "the Python clients cannot be installed"
    run(command, folder=ROOT, reason=reason, UV_PROJECT_ENVIRONMENT=str(folder))
    return folder / "bin"


@pytest.fixture(scope="session")
def aider() -> Path:
    """The program aider, in an environment of its own."""
    folder, mark = kept_folder("aider", f"{AIDER} {AIDER_PYTHON}".encode())
    if not mark.exists():
        reason = "aider cannot be installed"
        run(["uv", "venv", "--quiet", "--python", AIDER_PYTHON, ".venv"], folder=folder, reason=reason)
        # Without our pins, which lie in a folder above.
        command = ["uv", "pip", "install", "--quiet", "--no-config", AIDER]
        run(command, folder=folder, reason=reason, VIRTUAL_ENV=str(folder / ".venv"))
        mark.touch()
    return folder / ".venv" / "bin" / "aider"
