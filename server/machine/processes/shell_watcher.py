"""A small shell process that outlives us: it reads from a pipe whose end is our end, and then acts."""

import os
import subprocess

from server.machine.processes.spawn import own_session


def start_watcher(script: str) -> subprocess.Popen[bytes]:
    """Starts `script` with an unbuffered pipe as its standard input. Raises `OSError`."""
    # Unbuffered: what is in a buffer of ours would be lost when we die. In a session of its own because of Ctrl-C, and
    # not in a temporary folder, which is removed.
    return subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        env={"PATH": os.defpath + ":/usr/bin:/bin"},
        **own_session(),
    )


def wait_or_kill(watcher: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Waits for the end of a watcher whose pipe is closed; kills one that has not ended in time."""
    try:
        watcher.wait(timeout_s)
    except subprocess.TimeoutExpired:
        watcher.kill()
        watcher.wait()
