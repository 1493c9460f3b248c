"""Runs curl as another user of this computer, as root or through sudo."""

import os

import pytest

UID = 4711


def curl_as_other_user(*arguments: str) -> tuple[str, ...]:
    """The command line. Skips the test if neither root nor sudo without a password is at hand."""
    command = ("curl", "-s", *arguments)
    if os.getuid() == 0:
        return ("setpriv", f"--reuid={UID}", "--clear-groups", *command)
    if os.system("sudo -n true 2>/dev/null"):
        pytest.skip("only root, or sudo without a password, can call as another user")
    return ("sudo", "-n", "-u", f"#{UID}", *command)
