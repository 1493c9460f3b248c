"""macOS, and Linux without setpriv: a small shell process kills our children when our end of its pipe closes."""

import logging
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from server.machine.processes.shell_watcher import start_watcher, wait_or_kill
from server.machine.processes.spawn import SpawnOptions, own_session

logger = logging.getLogger(__name__)

# Long: a watcher that is killed on a busy computer leaves running what it was about to kill.
CLOSE_TIMEOUT_S = 30.0

# A process id may have been reused by the time of the kill, so each is stored with its start time.
# Linux: that is field 22 of `stat`, the 20th after the name, which may contain anything up to its last bracket.
_SCRIPT = r"""
trap '' INT HUP
born() {
    if [ -r "/proc/$1/stat" ]; then
        line=$(cat "/proc/$1/stat" 2>/dev/null) || return
        set -- ${line##*) }
        echo "${20}"
    else
        echo $(ps -o lstart= -p "$1" 2>/dev/null)
    fi
}
known=
while read -r pid; do
    birth=$(born "$pid")
    kept=
    while read -r old when; do
        [ -n "$old" ] && kill -0 "$old" 2>/dev/null && kept="$kept$old $when
"
    done <<END
$known
END
    [ -n "$birth" ] && kept="$kept$pid $birth
"
    known=$kept
done
while read -r pid birth; do
    [ -n "$pid" ] && [ "$(born "$pid")" = "$birth" ] && kill -KILL "$pid" 2>/dev/null
done <<END
$known
END
exit 0
"""


class WatcherGuard:
    """The guard for systems whose kernel offers none. The watcher starts with the first adopted process."""

    def __init__(self) -> None:
        self._watcher: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<WatcherGuard pid={self._watcher.pid if self._watcher else None}>"

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """Returns `argv` unchanged."""
        return list(argv)

    def spawn_options(self) -> SpawnOptions:
        """A session of its own."""
        return own_session()

    def adopt(self, pid: int) -> None:
        """Sends the pid to the watcher. A watcher that was killed is started again."""
        if not (self._send(pid) or self._send(pid)):
            logger.warning("cannot watch process %d: if Drawbridge is killed, it ends only after its answer", pid)

    def _send(self, pid: int) -> bool:
        try:
            if self._watcher is None:
                self._watcher = start_watcher(_SCRIPT)
            assert self._watcher.stdin is not None
            self._watcher.stdin.write(b"%d\n" % pid)
        except OSError:
            self._end()
            return False
        return True

    def close(self) -> None:
        """Closes the pipe; the watcher then kills what it still watches, and ends."""
        self._end()

    def _end(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        with suppress(OSError):
            assert watcher.stdin is not None
            watcher.stdin.close()
        wait_or_kill(watcher, CLOSE_TIMEOUT_S)
