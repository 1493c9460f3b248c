"""Windows: a job object ends the child processes when our handle to it closes, even if we are killed."""

import ctypes
import logging
import sys
from collections.abc import Sequence
from typing import Protocol

from server.machine.processes.spawn import SpawnOptions

logger = logging.getLogger(__name__)

# From winnt.h and winbase.h.
KILL_ON_JOB_CLOSE = 0x2000
SILENT_BREAKAWAY_OK = 0x1000
EXTENDED_LIMIT_INFORMATION = 9
PROCESS_SET_QUOTA = 0x0100
PROCESS_TERMINATE = 0x0001
CREATE_NO_WINDOW = 0x08000000


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; the six numbers in the middle are its IO_COUNTERS."""

    _fields_ = (
        ("Basic", BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class Kernel32(Protocol):
    """The five calls that a job needs, by their Windows names. Each returns 0 (or None) on failure."""

    def CreateJobObjectW(self, attributes: None, name: None) -> int | None:  # noqa: N802 # Windows' own name
        """Creates a job."""

    def SetInformationJobObject(self, job: int, kind: int, value: object, size: int) -> int:  # noqa: N802
        """Sets a job's limits."""

    def OpenProcess(self, access: int, inherit: int, pid: int) -> int | None:  # noqa: N802
        """Opens a process."""

    def AssignProcessToJobObject(self, job: int, process: int) -> int:  # noqa: N802
        """Puts a process into a job."""

    def CloseHandle(self, handle: int) -> int:  # noqa: N802
        """Closes a handle."""


class JobGuard:
    """The guard on Windows. Processes that a child starts belong to the job too, unless `alone`."""

    def __init__(self, calls: Kernel32, *, alone: bool = False) -> None:
        self._calls = calls
        self._flags = KILL_ON_JOB_CLOSE | (SILENT_BREAKAWAY_OK if alone else 0)
        self._job = self._open()

    def __repr__(self) -> str:
        return f"<JobGuard {'open' if self._job else 'closed'}>"

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """Returns `argv` unchanged."""
        return list(argv)

    def spawn_options(self) -> SpawnOptions:
        """Without a console window; never DETACHED_PROCESS, with which the child opens a console of its own."""
        return {"creationflags": CREATE_NO_WINDOW}

    def adopt(self, pid: int) -> None:
        """Puts the process into the job."""
        handle = self._calls.OpenProcess(PROCESS_SET_QUOTA | PROCESS_TERMINATE, 0, pid) if self._job else None
        held = False
        if self._job and handle:
            held = bool(self._calls.AssignProcessToJobObject(self._job, handle))
            self._calls.CloseHandle(handle)
        if not held:
            logger.warning("process %d is in no job: if Drawbridge is killed, it ends only after its answer", pid)

    def close(self) -> None:
        """Closes the job; Windows then ends the processes in it."""
        job, self._job = self._job, None
        if job:
            self._calls.CloseHandle(job)

    def _open(self) -> int | None:
        job = self._calls.CreateJobObjectW(None, None)
        limits = ExtendedLimits()
        limits.Basic.LimitFlags = self._flags
        size = ctypes.sizeof(limits)
        if job and self._calls.SetInformationJobObject(job, EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), size):
            return job
        logger.warning(
            "Windows gives no job object: if Drawbridge is killed, its processes end only after their answers"
        )
        if job:
            self._calls.CloseHandle(job)
        return None


def kernel32() -> Kernel32:
    """Loads the functions with their types, without which a 64-bit handle would be cut to 32 bits. Windows only."""
    if sys.platform == "win32":
        dll = ctypes.WinDLL("kernel32", use_last_error=True)
        handle, number = ctypes.c_void_p, ctypes.c_uint32
        dll.CreateJobObjectW.argtypes, dll.CreateJobObjectW.restype = [handle, ctypes.c_wchar_p], handle
        dll.SetInformationJobObject.argtypes = [handle, ctypes.c_int, handle, number]
        dll.OpenProcess.argtypes, dll.OpenProcess.restype = [number, ctypes.c_int, number], handle
        dll.AssignProcessToJobObject.argtypes = [handle, handle]
        dll.CloseHandle.argtypes = [handle]
        return dll
    else:  # noqa: RET505 # mypy needs the branch
        raise NotImplementedError("there is no kernel32 on this system")
