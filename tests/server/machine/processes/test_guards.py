"""However Drawbridge ends, the processes that it started end too; and they get an environment without what is ours."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from server.machine.processes.environment import clean_environment
from server.machine.processes.guard_watcher import _SCRIPT, WatcherGuard
from server.machine.processes.guards import Guard, SignalGuard, guard_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's kernel")
posix = pytest.mark.skipif(sys.platform == "win32", reason="asks a POSIX shell")

_PARENT = """
    import subprocess, sys, time
    from server.machine.processes.guards import guard_for
    from server.machine.processes.guard_watcher import WatcherGuard
    guard = {guard}
    # It ignores the end of its input, as a streaming Claude Code does.
    children = [
        subprocess.Popen(guard.wrap(["sleep", "1000"]), stdin=subprocess.PIPE, **guard.spawn_options())
        for _ in range(2)
    ]
    for child in children:
        guard.adopt(child.pid)
    {then}
    print(*(child.pid for child in children), flush=True)
    time.sleep(1000)
"""


def _until(done: Callable[[], bool], what: str) -> None:
    """Polls, bounded: the other side is a real process of another program."""
    for _ in range(1200):
        if done():
            return
        time.sleep(0.025)
    pytest.fail(f"{what} within 30 s")


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _parent(guard: str, then: str = "pass") -> tuple[subprocess.Popen[str], list[int]]:
    program = textwrap.dedent(_PARENT.format(guard=guard, then=then))
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, [int(word) for word in parent.stdout.readline().split()]


def _killed(parent: subprocess.Popen[str], children: list[int]) -> None:
    try:
        assert len(children) == 2
        assert not any(map(_gone, children))
        parent.kill()
        parent.wait(30)
        _until(lambda: all(map(_gone, children)), "the children were not gone")
    finally:
        assert parent.stdout is not None
        parent.stdout.close()
        parent.kill()
        parent.wait()
        for child in children:
            if not _gone(child):
                os.kill(child, signal.SIGKILL)


@linux
def test_a_killed_parent_takes_its_children_along() -> None:
    _killed(*_parent("guard_for()"))


@posix
def test_a_killed_parent_takes_its_children_along_through_the_watcher() -> None:
    # The watcher reads the ids in turn; once it has read the start time of the last, all are known.
    _killed(*_parent("WatcherGuard()", then="time.sleep(3)"))


@posix
def test_closing_the_watcher_ends_what_it_watches_and_itself() -> None:
    guard = WatcherGuard()
    child = subprocess.Popen(["sleep", "1000"], **guard.spawn_options())
    guard.adopt(child.pid)
    watcher = guard._watcher
    assert watcher is not None
    guard.close()
    assert child.wait(30) == -signal.SIGKILL
    assert watcher.returncode == 0
    guard.close()


@posix
def test_the_watcher_spares_a_process_that_reuses_a_watched_pid(tmp_path: Path) -> None:
    """Told apart by the start time: `ps` replaces /proc here and reports another one each time."""
    ps = tmp_path / "ps"
    ps.write_text('#!/bin/sh\necho x >> "$0.count"; wc -l < "$0.count"\n')
    ps.chmod(0o755)
    script = _SCRIPT.replace("/proc/", "/no-proc/")
    bystander = subprocess.Popen(["sleep", "1000"])
    try:
        path = f"{tmp_path}:{os.environ['PATH']}"
        subprocess.run(["/bin/sh", "-c", script], input=b"%d\n" % bystander.pid, env={"PATH": path}, timeout=30)
        assert bystander.poll() is None
        assert (tmp_path / "ps.count").read_text() == "x\nx\n"
    finally:
        bystander.kill()
        bystander.wait()


@posix
def test_the_watcher_knows_a_process_by_ps_where_there_is_no_proc() -> None:
    script = _SCRIPT.replace("/proc/", "/no-proc/")
    child = subprocess.Popen(["sleep", "1000"])
    try:
        subprocess.run(["/bin/sh", "-c", script], input=b"%d\n" % child.pid, timeout=30)
        assert child.wait(30) == -signal.SIGKILL
    finally:
        child.kill()


@posix
def test_a_watcher_that_somebody_ended_is_started_anew() -> None:
    guard = WatcherGuard()
    children = [subprocess.Popen(["sleep", "1000"]) for _ in range(2)]
    guard.adopt(children[0].pid)
    first = guard._watcher
    assert first is not None
    first.kill()
    first.wait()
    guard.adopt(children[1].pid)
    assert guard._watcher is not first
    guard.close()
    assert children[1].wait(30) == -signal.SIGKILL
    children[0].kill()
    children[0].wait()


@linux
def test_a_child_that_starts_when_its_parent_is_already_gone_ends_at_once() -> None:
    wrapped = SignalGuard("setpriv").wrap(["echo", "I live"])
    # Another process's child: as if the parent had died in between.
    others = [word if word != str(os.getpid()) else "1" for word in wrapped]
    assert subprocess.run(wrapped, capture_output=True).stdout == b"I live\n"
    assert subprocess.run(others, capture_output=True).stdout == b""


@linux
def test_the_wrapped_child_keeps_its_number_and_gets_its_arguments_as_they_are() -> None:
    guard: Guard = guard_for()
    argv = guard.wrap(["sh", "-c", 'echo $$; for word; do echo "[$word]"; done', "sh", "a b", "", "$HOME", "-x", "'"])
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **guard.spawn_options())
    output, _ = child.communicate(timeout=30)
    assert output.splitlines() == [str(child.pid), "[a b]", "[]", "[$HOME]", "[-x]", "[']"]


@posix
def test_ctrl_c_in_the_terminal_does_not_reach_the_children() -> None:
    guard = guard_for()
    child = subprocess.Popen(guard.wrap(["sleep", "1000"]), **guard.spawn_options())
    try:
        assert os.getpgid(child.pid) != os.getpgid(0)
    finally:
        child.kill()
        child.wait()
        guard.close()


@pytest.mark.parametrize(
    ("platform", "programs", "expected"),
    [
        ("linux", {"setpriv": "/usr/bin/setpriv"}, "SignalGuard"),
        ("linux", {}, "WatcherGuard"),
        # Busybox has a setpriv that does not know the option: here any program that refuses it.
        ("linux", {"setpriv": "/bin/false"}, "WatcherGuard"),
        ("darwin", {"setpriv": "/usr/bin/setpriv"}, "WatcherGuard"),
        ("freebsd14", {}, "WatcherGuard"),
    ],
)
@linux
def test_each_system_gets_the_guard_that_works_there(platform: str, programs: dict[str, str], expected: str) -> None:
    guard = guard_for(platform, which=programs.get)
    assert type(guard).__name__ == expected


KEPT = {
    "HOME": "/home/me",
    "PATH": "/bin",
    "https_proxy": "http://proxy",
    "NO_PROXY": "localhost",
    "NODE_EXTRA_CA_CERTS": "/ca.pem",
    "SSL_CERT_FILE": "/ca.pem",
    "ANTHROPIC_API_KEY": "k",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "CLAUDE_CODE_OAUTH_TOKEN": "t",
    "CLAUDE_CODE_GIT_BASH_PATH": "b",
    "CLAUDE_CONFIG_DIR": "/c",
    "AWS_PROFILE": "p",
    "SUPPORT": "yes",
}


@pytest.mark.parametrize(
    "name",
    [
        *("DRAWBRIDGE_API_KEY", "DRAWBRIDGE_HOST", "PORT", "POOL_SIZE", "CLAUDE_TIMEOUT", "CLAUDE_CLI_PATH", "LOG_DIR"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "_MEIPASS2", "_PYI_ARCHIVE_FILE", "XDG_RUNTIME_DIR"),
        *("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION_ID", "CLAUDE_PID"),
    ],
)
def test_what_is_ours_or_an_outer_sessions_does_not_reach_a_child(name: str) -> None:
    assert clean_environment({**KEPT, name: "x"}) == KEPT


def test_a_frozen_apps_library_path_is_replaced_by_the_users_own() -> None:
    environ = {"LD_LIBRARY_PATH": "/app/_internal", "LD_LIBRARY_PATH_ORIG": "/mine", "DYLD_INSERT_LIBRARIES": "x"}
    assert clean_environment(environ, frozen=True) == {"LD_LIBRARY_PATH": "/mine"}
    assert clean_environment({"LD_LIBRARY_PATH": "/app/_internal"}, frozen=True) == {}


def test_the_users_library_path_stays_where_nothing_is_frozen() -> None:
    assert clean_environment({"LD_LIBRARY_PATH": "/mine"}, frozen=False) == {"LD_LIBRARY_PATH": "/mine"}
