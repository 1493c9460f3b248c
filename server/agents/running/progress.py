"""What an agent does, in one line for each call and one for its result."""

import json
from collections.abc import Mapping
from pathlib import Path

_LONGEST = 120
# What says most about a call, by the names of Claude Code's tools.
_SUBJECTS = {
    "Read": "file_path",
    "Write": "file_path",
    "Edit": "file_path",
    "Glob": "pattern",
    "Grep": "pattern",
    "WebFetch": "url",
    "WebSearch": "query",
}


def call_line(tool: str, arguments: str, folder: Path) -> str:
    """The line for a call: the tool, and the file, the pattern or the command's own description."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        given = {}
    given = given if isinstance(given, dict) else {}
    if tool == "Bash":
        return _short(f"Bash: {given.get('description') or given.get('command') or ''}")
    subject = given.get(_SUBJECTS.get(tool, ""))
    return _short(f"{tool} {_within(str(subject), folder)}" if subject else tool)


def result_line(content: object, *, is_error: bool) -> str:
    """The line for a result: its first line, or that the call failed and why."""
    text = _text(content).strip()
    first = text.splitlines()[0].strip() if text else ""
    if is_error:
        return _short(f"  failed: {_plain(first)}" if first else "  failed")
    return _short(f"  {first}" if first else "  done")


def _plain(text: str) -> str:
    return text.removeprefix("<tool_use_error>").removesuffix("</tool_use_error>")


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    blocks = [block for block in content if isinstance(block, Mapping) and block.get("type") == "text"]
    return "\n".join(str(block.get("text", "")) for block in blocks)


def _within(path: str, folder: Path) -> str:
    """A path below the folder, relative to it."""
    prefix = f"{folder}{'' if str(folder).endswith('/') else '/'}"
    return path.removeprefix(prefix)


def _short(text: str) -> str:
    line = " ".join(text.split("\n"))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
