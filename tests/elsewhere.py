"""A pytest plugin, `-p tests.elsewhere`: imports that fail on Windows and macOS fail here too."""

import builtins
import importlib
import os
import re
import signal
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

_DEPENDENCIES: list[str] = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]["dependencies"]
LINUX_ONLY = {
    re.split(r"[^\w-]", line)[0].replace("-", "_") for line in _DEPENDENCIES if "sys_platform == 'linux'" in line
}
_POSIX_MODULES = {"fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
_POSIX_NAMES: dict[ModuleType, tuple[str, ...]] = {
    signal: ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGSTOP", "SIGCONT", "SIGPIPE", "SIGQUIT"),
    os: ("fork", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg", "mkfifo", "setsid", "uname"),
}

# On Linux their imports use the names that are removed below.
for _name in ("platformdirs.unix", "psutil", "asyncssh"):
    importlib.import_module(_name)
_import = builtins.__import__


def _as_elsewhere(name: str, given: Any = None, *more: Any, **named: Any) -> ModuleType:
    user = str((given or {}).get("__name__", ""))
    is_ours = user.split(".", maxsplit=1)[0] in {"server", "tray", "tests"} and user != __name__
    if is_ours and name.split(".", maxsplit=1)[0] in _POSIX_MODULES:
        raise ModuleNotFoundError(f"No module named {name!r}: only POSIX has it", name=name)
    return _import(name, given, *more, **named)


for _name in LINUX_ONLY:
    sys.modules[_name] = None  # type: ignore[assignment] # makes an import of it fail
builtins.__import__ = _as_elsewhere  # type: ignore[assignment] # passes all arguments on
for _module, _names in _POSIX_NAMES.items():
    for _gone in _names:
        if hasattr(_module, _gone):
            delattr(_module, _gone)
