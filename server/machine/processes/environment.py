"""Environments for child processes, without our own variables."""

import sys
from collections.abc import Mapping

from server.config import OPTIONS

# A frozen app adds these to its environment so that its libraries are found; a child would load ours.
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "LIBPATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH")
_FROZEN = ("_MEIPASS2", "_PYI_")
# Set by a Claude Code that started us: its children would join its session.
_OUTER_SESSION = (
    "CLAUDECODE",
    "CLAUDE_AGENT_SDK_",
    "CLAUDE_CODE_BRIDGE_",
    "CLAUDE_CODE_CHILD_",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_LAUNCHED_BY_",
    "CLAUDE_CODE_MESSAGING_",
    "CLAUDE_CODE_SESSION_",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
    "CLAUDE_PROJECT_DIR",
)
_OURS = ("DRAWBRIDGE_",)
_DROPPED = (*_FROZEN, *_OUTER_SESSION, *_OURS, "PYTHON", "XDG_RUNTIME_DIR")


def clean_environment(environ: Mapping[str, str], *, frozen: bool | None = None) -> dict[str, str]:
    """Returns `environ` without variables of ours, of a frozen app, and of an outer Claude Code session.

    Variables that choose an account or provider, proxies, CA bundles and the system's own stay. `frozen` defaults to
    whether this program is.
    """
    if frozen is None:
        frozen = bool(getattr(sys, "frozen", False))
    aliases = {option.alias for option in OPTIONS}
    child = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(_DROPPED) and name.upper() not in aliases
    }
    if frozen:
        for name in _LIBRARY_PATHS:
            original = child.pop(f"{name}_ORIG", None)
            child.pop(name, None)
            if original:
                child[name] = original
        child = {name: value for name, value in child.items() if not name.startswith("DYLD_") or name in _LIBRARY_PATHS}
    return child


def desktop_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`clean_environment` for a desktop program such as a browser, which needs the folder of the user's session."""
    session = {name: value for name, value in environ.items() if name == "XDG_RUNTIME_DIR"}
    return clean_environment(environ) | session
