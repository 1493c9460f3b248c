"""Programs and environments for the tests of `server.claude.cli`."""

from pathlib import Path


def program(path: Path, commands: str = "exit 0") -> Path:
    """A shell script at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(0o755)
    return path


def environment(home: Path, **more: str) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", **more}
