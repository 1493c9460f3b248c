"""`drawbridge status` and `drawbridge stop`."""

import json
import time

import click

from server.commands.options import settings_options, settle
from server.commands.output import note, say, table
from server.commands.running.status_rows import status_rows
from server.errors import DrawbridgeError
from server.machine.files.paths import Folders
from server.machine.instance import Instance, read_instance, request_end, request_status, request_stop, wait_until_gone

# The server's grace for running answers, plus some for its processes.
STOP_TIMEOUT_S = 30.0


def running_instance(folders: Folders) -> Instance:
    """Returns the running server. Raises `DrawbridgeError` if none runs."""
    instance = read_instance(folders.data)
    if instance is None:
        raise DrawbridgeError(
            "No server is running.",
            hint="Start one with 'drawbridge' or 'drawbridge serve'.",
            title="Drawbridge is not running",
        )
    return instance


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@settings_options("data_dir")
def status(*, as_json: bool, **flags: object) -> int:
    """Show the running server's status; exit code 1 if none runs."""
    folders = settle(flags, unprefixed=False).folders
    if as_json and read_instance(folders.data) is None:
        say(json.dumps({"state": "stopped"}))
        return 1
    instance = running_instance(folders)
    answer = {**request_status(instance), "pid": instance.pid}
    say(json.dumps(answer, indent=2) if as_json else table(status_rows(answer)))
    return 0


@click.command()
@settings_options("data_dir")
def stop(**flags: object) -> int:
    """Stop the running server or app and wait until it has ended."""
    folders = settle(flags, unprefixed=False).folders
    deadline = time.monotonic() + STOP_TIMEOUT_S
    # An app whose server is stopped has no listener; the data folder passes the request on.
    if read_instance(folders.data) is not None or not request_end(folders.data):
        instance = running_instance(folders)
        # A busy server may need long to answer, and must still be stopped.
        request_stop(instance, timeout_s=STOP_TIMEOUT_S)
    if not wait_until_gone(folders.data, max(0.0, deadline - time.monotonic())):
        raise DrawbridgeError(
            f"It did not end within {STOP_TIMEOUT_S:.0f} s.",
            hint="Check its log, then end the process.",
            title="Drawbridge does not stop",
        )
    note("Drawbridge has stopped.")
    return 0
