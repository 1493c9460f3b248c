"""Finds the Claude Code CLI to run: the configured one, the bundled one, or an installed one."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from server.claude.cli.versions import newest_of
from server.errors import CliMisnamed, CliMissing

_NAME = "claude.exe" if sys.platform == "win32" else "claude"


def find_cli(wanted: Path | None, environment: Mapping[str, str], *, newest: bool = False) -> Path:
    """The CLI to run: `wanted` from the settings, else the bundled one, else PATH, else a known install folder.

    `newest`: the newest of them instead of the first; each is run once for its version.
    Raises `CliMissing`, or `CliMisnamed` if `wanted` does not exist: a setting is never silently ignored.
    """
    if wanted is not None:
        path = wanted.expanduser()
        if not path.is_file():
            raise CliMisnamed(f"There is no Claude Code at {str(path)!r}, the path named in the settings.")
        return _runnable(path.resolve())
    places = (bundled_cli(), _on_path(environment), *_install_folders(environment))
    found = [place for place in places if place is not None and place.is_file()]
    if not found:
        raise CliMissing
    return _runnable(newest_of(found, environment) if newest else found[0])


def why_this_cli(path: Path, wanted: Path | None, *, newest: bool) -> str:
    """Why `find_cli` chose `path`, as a phrase for the user."""
    bundled = bundled_cli()
    if wanted is not None:
        return "named in the settings"
    if path == bundled:
        return "bundled with Drawbridge"
    if bundled is not None and newest:
        return "installed on this computer, newer than the bundled one"
    return "installed on this computer"


def bundled_cli() -> Path | None:
    """The CLI inside the SDK's package; None if this build left it out. Does not import the SDK."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "_bundled" / _NAME
    return path if path.is_file() else None


def _on_path(environment: Mapping[str, str]) -> Path | None:
    found = shutil.which(_NAME, path=environment.get("PATH", os.defpath))
    return Path(found) if found else None


def _install_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where installers put the CLI. A program started from the desktop has a short PATH that lacks these."""
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    node_versions = sorted((home / ".nvm" / "versions" / "node").glob("*"), reverse=True)
    folders = (
        home / ".local" / "bin",
        home / ".claude" / "local",
        Path("/opt/homebrew/bin"),
        Path("/usr/local/bin"),
        home / ".npm-global" / "bin",
        home / ".volta" / "bin",
        home / ".bun" / "bin",
        *(version / "bin" for version in node_versions),
    )
    return tuple(folder / _NAME for folder in folders)


def _runnable(path: Path) -> Path:
    """`path`, unless Windows would run it through cmd.exe, which parses arguments as commands."""
    if path.suffix.lower() in {".cmd", ".bat"}:
        raise CliMisnamed(
            f"{str(path)!r} is a script that Windows runs through cmd.exe, which is not safe for a server.",
            hint="Install the native claude.exe from https://claude.com/claude-code and name it with --cli-path.",
        )
    return path
