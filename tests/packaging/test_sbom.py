"""The software bill of materials of a release, and the scripts that make packages."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.installed import ENVIRONMENT, ROOT, run


def test_the_list_names_what_a_user_gets_with_versions_and_licences_and_nothing_of_the_tests(tmp_path: Path) -> None:
    file = tmp_path / "lists" / "drawbridge.cdx.json"
    run(["bash", str(ROOT / ".ci" / "packaging" / "sbom"), str(file)], folder=ROOT, reason="packages cannot be fetched")
    found = json.loads(file.read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    subject = found["metadata"]["component"]
    assert (subject["name"], subject["version"]) == (project["name"], project["version"])
    parts = {part["name"]: part for part in found["components"]}
    assert {"fastapi", "pystray", "keyring", "claude-agent-sdk"} <= set(parts)
    assert not {"pytest", "mypy", "openai", "pyinstaller"} & set(parts)
    assert all(part["version"] for part in parts.values())
    assert parts["pystray"]["licenses"][0]["license"]["id"].startswith("LGPL-3.0")


def test_the_scripts_that_pack_are_sound() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("there is no shellcheck on this machine")
    scripts = [str(ROOT / ".ci" / name) for name in ("build", "run", "packaging/here", "packaging/sbom")]
    done = subprocess.run(["shellcheck", *scripts], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
