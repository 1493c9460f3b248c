"""Runs a private session bus: a dbus-daemon with its own configuration and address."""

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
    """Runs the bus and yields its address. It starts no services.

    Skips the test if there is no dbus-daemon.
    """
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("dbus-daemon is not installed: apt-get install dbus")
    configuration = folder / "bus.conf"
    # The path of a socket may have about 100 characters, so `folder` must be short.
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
