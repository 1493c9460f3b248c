"""What a question shows of a call, and by what an allowed call is recognized again."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path

# A file that is larger is shown as it will be, without a comparison.
_LARGEST = 200_000


def detail_of(tool: str, given: Mapping[str, object], folder: Path) -> str:
    """The whole command, the change as a diff, or all fields. Reads the file that changes, so it blocks."""
    if tool == "Bash":
        return str(given.get("command") or "")
    if tool == "Edit":
        return _diff(str(given.get("old_string") or ""), str(given.get("new_string") or ""))
    if tool == "Write":
        return _diff(_before(folder / str(given.get("file_path") or "")), str(given.get("content") or ""))
    if tool == "SandboxNetworkAccess":
        return str(given.get("host") or "")
    return json.dumps(given, indent=2, ensure_ascii=False)


def key_of(tool: str, given: Mapping[str, object]) -> tuple[str, str] | None:
    """The same for the same command, file or host; None for a call that is asked about each time."""
    fields = {"Bash": "command", "Write": "file_path", "Edit": "file_path", "SandboxNetworkAccess": "host"}
    value = given.get(fields.get(tool, ""))
    return (tool, value) if isinstance(value, str) and value else None


def _before(path: Path) -> str:
    try:
        return path.read_text(errors="replace") if path.stat().st_size <= _LARGEST else ""
    except OSError:
        return ""


def _diff(before: str, after: str) -> str:
    if max(len(before), len(after)) > _LARGEST:
        return after
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
    return "\n".join(lines)
