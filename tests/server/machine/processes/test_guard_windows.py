"""Windows' job objects, with Windows' five functions played by a recorder."""

# ruff: noqa: N802 # the names are Windows' own

import ctypes

import pytest

from server.machine.processes.guard_windows import BasicLimits, ExtendedLimits, JobGuard


class Recorder:
    """kernel32 as far as a job goes; `fails` names the calls that give 0."""

    def __init__(self, *fails: str) -> None:
        self.fails = fails
        self.calls: list[tuple[object, ...]] = []
        self.flags = 0

    def _answer(self, value: int, *call: object) -> int:
        self.calls.append(call)
        return 0 if call[0] in self.fails else value

    def CreateJobObjectW(self, attributes: None, name: None) -> int:
        return self._answer(7, "CreateJobObjectW")

    def SetInformationJobObject(self, job: int, kind: int, value: object, size: int) -> int:
        limits = ctypes.cast(value, ctypes.POINTER(ExtendedLimits)).contents  # type: ignore[arg-type] # a byref
        self.flags = limits.Basic.LimitFlags
        return self._answer(1, "SetInformationJobObject", job, kind, size)

    def OpenProcess(self, access: int, inherit: int, pid: int) -> int:
        return self._answer(100 + pid, "OpenProcess", access, inherit, pid)

    def AssignProcessToJobObject(self, job: int, process: int) -> int:
        return self._answer(1, "AssignProcessToJobObject", job, process)

    def CloseHandle(self, handle: int) -> int:
        return self._answer(1, "CloseHandle", handle)


def test_the_structures_have_windows_sizes() -> None:
    """From a 64-bit Windows: a wrong size makes the call fail there."""
    assert ctypes.sizeof(BasicLimits) == 64
    assert ctypes.sizeof(ExtendedLimits) == 144


def test_a_closed_job_ends_its_processes() -> None:
    calls = Recorder()
    JobGuard(calls)
    assert calls.flags == 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE of winnt.h
    assert calls.calls == [("CreateJobObjectW",), ("SetInformationJobObject", 7, 9, 144)]


def test_what_a_lone_process_starts_is_not_held() -> None:
    """A browser that a sign-in opened must not end with it."""
    calls = Recorder()
    JobGuard(calls, alone=True)
    assert calls.flags == 0x3000  # and JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK


def test_an_adopted_process_is_put_into_the_job_and_its_handle_given_back() -> None:
    calls = Recorder()
    guard = JobGuard(calls)
    guard.adopt(5)
    assert calls.calls[2:] == [
        ("OpenProcess", 0x0101, 0, 5),
        ("AssignProcessToJobObject", 7, 105),
        ("CloseHandle", 105),
    ]


def test_the_job_is_closed_once() -> None:
    calls = Recorder()
    guard = JobGuard(calls)
    guard.close()
    guard.close()
    assert calls.calls[2:] == [("CloseHandle", 7)]


def test_a_child_gets_no_console_window_and_its_own_arguments() -> None:
    guard = JobGuard(Recorder())
    assert guard.spawn_options() == {"creationflags": 0x08000000}
    assert guard.wrap(["claude.exe", "--x"]) == ["claude.exe", "--x"]


@pytest.mark.parametrize(
    "failing", ["CreateJobObjectW", "SetInformationJobObject", "OpenProcess", "AssignProcessToJobObject"]
)
def test_a_process_that_windows_does_not_adopt_still_works_and_is_logged(
    failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Recorder(failing)
    guard = JobGuard(calls)
    guard.adopt(5)
    guard.close()
    assert "process 5 is in no job" in caplog.text
    opened = [call[0] for call in calls.calls].count("OpenProcess")
    closed = [call for call in calls.calls if call[0] == "CloseHandle"]
    assert len(closed) <= opened + 1
