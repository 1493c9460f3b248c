"""A process without standard streams."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from server.machine.processes.std_streams import mend_streams
mend_streams()
print("out"); print("err", file=sys.stderr); sys.stdin.read()
number = os.open("/dev/null", os.O_RDONLY)
os.write(report, f"{number > 2} {sys.stdout.name}".encode())
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows closes no streams so")
def test_closed_streams_are_no_numbers_for_the_next_files() -> None:
    reading, report = os.pipe()
    os.set_inheritable(report, True)
    program = f"report = {report}\n{PROGRAM}"
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, program], pass_fds=[report], timeout=30
    )
    os.close(report)
    assert done.returncode == 0
    assert os.read(reading, 100).decode() == f"True {os.devnull}"
    os.close(reading)


def test_streams_that_are_there_stay() -> None:
    code = "from server.machine.processes.std_streams import mend_streams; mend_streams(); print('here')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "here\n"
