"""Phrases that only the menu, the tooltip and notifications use; the others are in `server.status_phrases`."""

from typing import assert_never
from urllib.parse import urlsplit

from server.config import GRACE_S
from server.status import State
from server.status_phrases import counted
from tray.model import KeyPlace, Snapshot


def port_of(snapshot: Snapshot) -> int:
    """The port in use, which differs from the setting if that port was taken."""
    try:
        return urlsplit(snapshot.base_url).port or snapshot.port
    except ValueError:
        return snapshot.port


def state_line(snapshot: Snapshot) -> str:
    """The server's state, as the menu's first line shows it."""
    status = snapshot.status
    demo = " (demo)" if status.demo else ""
    moved = f" instead of {snapshot.port}" if snapshot.is_moved else ""
    place = f"on port {port_of(snapshot)}{moved}{demo}"
    if snapshot.is_quitting:
        return f"Quitting{_finishing(status.pool.answering)}"
    match status.state:
        case State.STARTING:
            return f"Starting {place}"
        case State.RUNNING:
            waiting = f", {status.pool.waiting} waiting" if status.pool.waiting else ""
            answers = f": {counted(status.pool.answering, 'answer')} in progress{waiting}"
            return f"Running {place}{answers if status.pool.answering else ''}"
        case State.STOPPING:
            return f"Stopping{demo}{_finishing(status.pool.answering)}"
        case State.STOPPED:
            return f"Stopped{demo}"
        case State.FAILED:
            return f"Failed{demo}"
        case _:
            assert_never(status.state)


def _finishing(answers: int) -> str:
    return f": {time_to_finish(answers)}" if answers else ""


def time_to_finish(answers: int) -> str:
    """How long running answers have when the server stops."""
    return f"{counted(answers, 'answer has', 'answers have')} up to {GRACE_S:.0f} s to finish"


def key_line(snapshot: Snapshot) -> str:
    """Where the access key is stored."""
    match snapshot.key.place:
        case KeyPlace.NONE:
            return "No key yet"
        case KeyPlace.KEYRING:
            return "Stored in the system's keyring"
        case KeyPlace.FILE:
            return "Stored in a private file"
        case KeyPlace.SETTINGS:
            source = dict(snapshot.pinned).get("api_key")
            return f"Set by {source}" if source else "Set in the settings file"
        case _:
            assert_never(snapshot.key.place)


def set_by(snapshot: Snapshot, setting: str) -> str:
    """What pins the setting, as in " (set by POOL_SIZE)"; empty if the user may change it."""
    source = dict(snapshot.pinned).get(setting)
    return f" (set by {source})" if source else ""
