"""Programs that outside tests install: Node packages, and Python clients with many dependencies."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = Path(__file__).parent / "whole" / "clients"
# Installed once for each recipe, and kept between runs.
KEPT = ROOT / ".clients"
# It pins all of its dependencies, many of them old, and so cannot share an environment.
AIDER = "aider-chat==0.86.2"
# They need other versions of packages that we pin.
LITELLM = "litellm==1.110.2"
LLAMAINDEX = ("llama-index-llms-openai==0.8.3", "llama-index-embeddings-openai==0.7.0")
OLD_PYTHON = "3.11"
# Copied before a test removes HOME: the caches of uv and npm are there.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}


def run(command: list[str], *, folder: Path, reason: str, **more: str) -> None:
    """Runs an installer; skips the test with `reason` if it is missing or fails."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{reason}: there is no {command[0]} on this machine")
    environment = {**ENVIRONMENT, **more}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)
    if done.returncode:
        pytest.skip(f"{reason}: {' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Holds the lock of an installation against the other workers of pytest-xdist."""
    KEPT.mkdir(exist_ok=True)
    with FileLock(KEPT / f"{name}.lock"):
        yield


def kept_folder(name: str, recipe: bytes) -> tuple[Path, Path]:
    """Returns a kept folder, emptied unless this recipe filled it, and the file to create when it is filled."""
    folder = KEPT / name
    mark = folder / f"filled-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder, mark


def node_packages(name: str, *command: str) -> Path:
    """Returns a kept folder with the programs of `clients/<name>` and the Node packages that they need."""
    source = CLIENTS / name
    recipe = [file.read_bytes() for file in sorted(source.glob("package*.json"))]
    with locked(name):
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
    """The folder with the programs for the official Node client and the AI SDK, installed from its lock file."""
    return node_packages("node", "ci")


@pytest.fixture(scope="session")
def agents() -> Path:
    """The folder with coding agents from npm. Without a lock file, which would omit other systems' binaries."""
    return node_packages("agents", "install", "--no-package-lock", "--no-fund", "--no-audit") / "node_modules" / ".bin"


@pytest.fixture(scope="session")
def axe() -> str:
    """The program that checks how accessible a page is, to run in a browser."""
    folder = node_packages("axe", "install", "--no-package-lock", "--no-fund", "--no-audit")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def python_clients() -> Path:
    """The folder with the programs of the `clients` dependency group, in an environment beside the project's own."""
    folder = ROOT / ".venv-clients"
    command = ["uv", "sync", "--quiet", "--only-group", "clients", "--no-install-project"]
    reason = "the Python clients cannot be installed"
    with locked("python"):
        run(command, folder=ROOT, reason=reason, UV_PROJECT_ENVIRONMENT=str(folder))
    return folder / "bin"


def python_packages(name: str, *packages: str) -> Path:
    """Returns the folder with the programs of an environment of its own, for what does not fit our pins."""
    with locked(name):
        folder, mark = kept_folder(name, " ".join([*packages, OLD_PYTHON]).encode())
        if not mark.exists():
            reason = f"{name} cannot be installed"
            run(["uv", "venv", "--quiet", "--python", OLD_PYTHON, ".venv"], folder=folder, reason=reason)
            # Without our pins, which uv would find in a parent folder.
            command = ["uv", "pip", "install", "--quiet", "--no-config", *packages]
            run(command, folder=folder, reason=reason, VIRTUAL_ENV=str(folder / ".venv"))
            mark.touch()
    return folder / ".venv" / "bin"


@pytest.fixture(scope="session")
def aider() -> Path:
    """The program aider."""
    return python_packages("aider", AIDER) / "aider"


@pytest.fixture(scope="session")
def llamaindex() -> Path:
    """The Python with LlamaIndex."""
    return python_packages("llamaindex", *LLAMAINDEX) / "python"


@pytest.fixture(scope="session")
def litellm() -> Path:
    """The Python with LiteLLM."""
    return python_packages("litellm", LITELLM) / "python"
