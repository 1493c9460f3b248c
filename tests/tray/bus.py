"""A session bus of the tests' own: a dbus-daemon with its own configuration and address, ended by its process id."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@contextmanager
def private_bus(folder: Path) -> Iterator[str]:
    """Its address, while it runs. It starts no services: who is on it is who the test puts there.

    Skips the test where there is no dbus-daemon.
    """
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("dbus-daemon is not installed: apt-get install dbus")
    configuration = folder / "bus.conf"
    # The path of a socket may not be longer than about 100 characters, and pytest's folders are: the daemon's name of
    # its own is short, and so is the folder that we give it.
    configuration.write_text(_CONFIGURATION.format(folder=os.fspath(folder)))
    daemon = subprocess.Popen(
        [program, f"--config-file={configuration}", "--nofork", "--print-address=1", "--nopidfile"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert daemon.stdout is not None
    try:
        address = daemon.stdout.readline().strip()
        assert address, f"dbus-daemon did not start: {daemon.wait(20)}"
        yield address
    finally:
        daemon.terminate()
        daemon.stdout.close()
        daemon.wait(20)
