"""Linux and macOS: a small shell process that ends an agent's programs when Drawbridge itself is killed.

The kernel's signal and the other guards end Claude Code. Its commands then live on, below another parent: they are
found by the private temporary folder that their environment names. On Windows the job object has them all.
"""

import logging
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from server.machine.processes.shell_watcher import start_watcher, wait_or_kill

logger = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 5.0
# The folder comes by the pipe: in the arguments it would mark the shell itself. The end of the pipe is our end.
_SCRIPT = r"""
trap '' INT HUP TERM
read -r root || exit 0
while read -r line; do [ "$line" = done ] && exit 0; done
marked() {
    if [ -r /proc/self/environ ]; then
        grep -slF "=$root/" /proc/[0-9]*/environ | while read -r file; do
            file=${file#/proc/}
            echo "${file%/environ}"
        done
    else
        ps -axwwE -o pid=,command= | while read -r pid rest; do
            case $rest in *"=$root/"*) echo "$pid" ;; esac
        done
    fi
}
round=0
while [ "$round" -lt 20 ]; do
    round=$((round + 1))
    found=$(marked)
    for pid in $found; do kill -KILL "$pid" 2>/dev/null; done
    sleep 0.1
done
exit 0
"""


class OrphanWatch:
    """Watches over all processes that `root` marks, from `start` to `close`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the watcher; None while there is none."""
        return self._watcher.pid if self._watcher else None

    def start(self) -> None:
        """Starts the watcher, unless it runs. Never raises: an agent works without it, too."""
        if sys.platform == "win32" or (self._watcher is not None and self._watcher.poll() is None):
            return
        try:
            self._watcher = start_watcher(_SCRIPT)
            assert self._watcher.stdin is not None
            self._watcher.stdin.write(f"{self._root}\n".encode())
        except OSError:
            logger.warning("if Drawbridge is killed, the programs that an agent started may run on")

    def close(self) -> None:
        """Ends the watcher, which then ends nothing. Blocks for a moment."""
        watcher, self._watcher = self._watcher, None
        if watcher is None or watcher.stdin is None:
            return
        with suppress(OSError):
            watcher.stdin.write(b"done\n")
            watcher.stdin.close()
        wait_or_kill(watcher, _CLOSE_TIMEOUT_S)
