"""The words for what the desktop knows, the same wherever they are shown: menu, tooltip, notification."""

from typing import assert_never
from urllib.parse import urlsplit

from server.status import State
from server.status_phrases import counted
from tray.model import KeyPlace, Snapshot


def port_of(snapshot: Snapshot) -> int:
    """The port that is in use, which may be the next free one after the one in the settings."""
    try:
        return urlsplit(snapshot.base_url).port or snapshot.port
    except ValueError:
        return snapshot.port


def state_line(snapshot: Snapshot) -> str:
    """What the server does, as the menu's first line says it."""
    status = snapshot.status
    answers = counted(status.pool.answering, "answer")
    place = f"on port {port_of(snapshot)}"
    if snapshot.is_quitting:
        return f"Quitting when {answers} {_ends(status.pool.answering)}" if status.pool.answering else "Quitting"
    match status.state:
        case State.STARTING:
            line = f"Starting {place}"
        case State.RUNNING:
            waiting = f" and {status.pool.waiting} waiting" if status.pool.waiting else ""
            line = f"{answers} running{waiting} {place}" if status.pool.answering else f"Running {place}"
        case State.STOPPING:
            ends = f" when {answers} {_ends(status.pool.answering)}"
            line = f"Stopping{ends if status.pool.answering else ''}"
        case State.STOPPED:
            line = "Stopped"
        case State.FAILED:
            line = "Failed"
        case _:
            assert_never(status.state)
    return f"{line} (demo)" if status.demo else line


def _ends(number: int) -> str:
    return "is finished" if number == 1 else "are finished"


def key_line(snapshot: Snapshot) -> str:
    """Where the access key is kept."""
    match snapshot.key.place:
        case KeyPlace.NONE:
            return "There is no key yet"
        case KeyPlace.KEYRING:
            return "Kept in the system's keyring"
        case KeyPlace.FILE:
            return "Kept in a file that only you can read"
        case KeyPlace.SETTINGS:
            holder = dict(snapshot.pinned).get("api_key")
            return f"Set by {holder}" if holder else "Written in the settings file"
        case _:
            assert_never(snapshot.key.place)
