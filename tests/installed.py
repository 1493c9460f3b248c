"""Programs that tests need and that no command of the README installs: Node packages, and the heavy Python clients."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NODE = Path(__file__).parent / "whole" / "clients" / "node"
# Before any test has taken HOME away: uv and npm keep their caches there.
ENVIRONMENT = dict(os.environ)


def run(command: list[str], *, folder: Path, reason: str) -> None:
    """Runs an installer; the test is skipped with `reason` when it cannot do its work."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{reason}: there is no {command[0]} on this machine")
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=500)
    if done.returncode:
        pytest.skip(f"{reason}: {' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="session")
def node_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the official Node client, installed from its lock."""
    folder = tmp_path_factory.mktemp("node")
    for file in ("package.json", "package-lock.json", ".npmrc", "chat.mjs", "lint.mjs"):
        shutil.copy(NODE / file, folder)
    run(["npm", "ci", "--silent"], folder=folder, reason="the Node clients cannot be installed")
    return folder


@pytest.fixture(scope="session")
def python_clients() -> Path:
    """The programs of an environment with the heavy Python clients, kept beside the project's own."""
    folder = ROOT / ".venv-clients"
    ENVIRONMENT["UV_PROJECT_ENVIRONMENT"] = str(folder)
    ENVIRONMENT.pop("VIRTUAL_ENV", None)
    command = ["uv", "sync", "--quiet", "--only-group", "clients", "--no-install-project"]
    run(command, folder=ROOT, reason="the Python clients cannot be installed")
    return folder / "bin"
