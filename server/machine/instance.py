"""The one running server of a data folder: its lock, and the instance file that says how to reach it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any  # the fields of a JSON object
from urllib.parse import quote

import filelock

from server.errors import AlreadyRunning, DrawbridgeError, StartError
from server.machine.files.atomic_files import PRIVATE, replace_file
from server.machine.network.sockets import Listeners
from server.machine.version import own_version

TOKEN_HEADER = "x-drawbridge-token"  # noqa: S105 # the name of a header
TIMEOUT_S = 5.0
# Closing a tunnel waits for its program and for running answers.
TUNNEL_TIMEOUT_S = 30.0
# A process that only checks whether a server runs holds the lock for a moment.
_CLAIM_TIMEOUT_S = 1.0
# Statuses of what the server refuses in words of its own.
_REFUSALS = frozenset({400, 404, 409})
_LOCK, _FILE, _END, _STATE = "server.lock", "server.json", "end-asked", "app-state"


@dataclass(frozen=True, slots=True)
class Instance:
    """A running server: its local listener's `host` and `port`, and the `token` for /control. `pid` is for messages."""

    pid: int
    host: str
    port: int
    token: str = field(repr=False)
    version: str
    base_url: str


def own_instance(listeners: Listeners, token: str) -> Instance:
    """The server of this process, on `listeners` and with `token` for /control."""
    return Instance(os.getpid(), *listeners.control, token, own_version(), listeners.base_url)


class Claim:
    """The lock on a data folder, held until `claim` ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, instance: Instance) -> None:
        """Writes the instance file, private to this user. Raises `StartError`."""
        try:
            replace_file(self._path, json.dumps(asdict(instance)).encode(), mode=PRIVATE)
        except OSError as error:
            raise StartError(
                f"The file {str(self._path)!r} cannot be written: {error.strerror}.",
                hint="Choose another folder with --data-dir (DRAWBRIDGE_DATA_DIR).",
            ) from error

    def withdraw(self) -> None:
        """Removes the instance file; the lock is kept."""
        _remove(self._path)

    def describe(self, state: str) -> None:
        """Stores the state of an app whose server is down, for a second start to show. Never raises."""
        with suppress(OSError):
            replace_file(self._path.with_name(_STATE), state.encode(), mode=PRIVATE)

    def is_end_requested(self) -> bool:
        """Whether `request_end` was called since the folder was claimed."""
        return self._path.with_name(_END).exists()


@contextmanager
def claim(data: Path) -> Iterator[Claim]:
    """Claims the folder `data`. The system releases the lock even if we are killed. Raises `AlreadyRunning`."""
    lock = _lock(data)
    try:
        lock.acquire(timeout=_CLAIM_TIMEOUT_S)
    except filelock.Timeout as error:
        raise _already(_load(data)) from error
    except OSError as error:
        raise StartError(
            f"The folder {str(data)!r} cannot be used: {error.strerror}.",
            hint="Choose another one with --data-dir (DRAWBRIDGE_DATA_DIR).",
        ) from error
    try:
        # Left by the previous server: a request to end it, and files that it was writing when it died.
        for left in (data / _END, data / _STATE, *data.glob(f"{_FILE}.*")):
            _remove(left)
        yield Claim(data / _FILE)
    finally:
        _remove(data / _FILE)
        _remove(data / _END)
        _remove(data / _STATE)
        lock.release()


def read_instance(data: Path) -> Instance | None:
    """Returns the running server of the folder `data`, if any. The file of a dead one is removed."""
    if not (data / _FILE).exists():
        return None
    lock = _lock(data)
    with suppress(filelock.Timeout, OSError), lock.acquire(timeout=0):
        # The lock is free, so no server runs.
        (data / _FILE).unlink(missing_ok=True)
        return None
    return _load(data)


def read_state(data: Path) -> str:
    """Returns the state that the app of the folder `data` has stored; "" if its server is up or it has none."""
    try:
        return (data / _STATE).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def request_end(data: Path) -> bool:
    """Asks the app of the folder `data`, which checks every few seconds, to quit. Returns whether there is one."""
    if not (data / _LOCK).exists() or wait_until_gone(data, 0):
        return False
    try:
        (data / _END).touch(mode=PRIVATE)
    except OSError as error:
        raise DrawbridgeError(
            f"The folder {str(data)!r} cannot be written: {error.strerror}.",
            hint="Quit it from the menu of its icon.",
            title="Cannot ask Drawbridge to stop",
        ) from error
    return True


def wait_until_gone(data: Path, timeout_s: float) -> bool:
    """Waits until no server holds the folder `data`; returns False at the timeout."""
    lock = _lock(data)
    try:
        with lock.acquire(timeout=timeout_s, poll_interval=0.05):
            return True
    except filelock.Timeout:
        return False


def request_status(instance: Instance) -> Mapping[str, object]:
    """Returns the server's status as JSON. Raises `DrawbridgeError` if it does not answer."""
    return _ask(instance, "GET", "/control/status", TIMEOUT_S)


def request_stop(instance: Instance, *, timeout_s: float = TIMEOUT_S) -> None:
    """Asks the server and its app, if any, to end, without waiting. Raises `DrawbridgeError` if it does not answer."""
    _ask(instance, "POST", "/control/quit", timeout_s)


def request_running(instance: Instance) -> list[Mapping[str, object]]:
    """Returns the requests that are being answered, the oldest first. Raises `DrawbridgeError` if it cannot ask."""
    found = _ask(instance, "GET", "/control/requests", TIMEOUT_S).get("data")
    return found if isinstance(found, list) else []


def request_stop_of(instance: Instance, request_id: str) -> bool:
    """Stops one request, and returns whether it was running. Raises `DrawbridgeError` if it cannot ask."""
    path = f"/control/requests/{quote(request_id, safe='')}"
    return bool(_ask(instance, "DELETE", path, TIMEOUT_S).get("stopped"))


def request_extra_usage(instance: Instance, *, is_allowed: bool = True) -> Mapping[str, object]:
    """Has the server go on with paid extra usage, or stop again; returns its state. Raises `DrawbridgeError`."""
    return _ask(instance, "POST" if is_allowed else "DELETE", "/control/extra-usage", TIMEOUT_S)


def request_contents(
    instance: Instance, method: str, request_id: str = "", *, body: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    """Sends a request about kept contents, or about those of one request. Raises `DrawbridgeError` if it cannot ask."""
    path = f"/control/contents/{quote(request_id, safe='')}" if request_id else "/control/contents"
    return _ask(instance, method, path, TIMEOUT_S, body)


def request_tunnel(
    instance: Instance, method: str, body: Mapping[str, object] | None = None, *, look: bool = True
) -> Mapping[str, Any]:
    """Shows (GET), opens (POST) or closes (DELETE) the tunnel. Raises `DrawbridgeError`, also for what is refused.

    `look`: also whether each provider could open one, which takes a moment.
    """
    path = "/control/tunnel" if look else "/control/tunnel?look=false"
    return _ask(instance, method, path, TUNNEL_TIMEOUT_S, body)


def request_approvals(instance: Instance) -> Mapping[str, Any]:
    """Returns the questions of agents that wait, in `data`. Raises `DrawbridgeError` if it cannot ask."""
    return _ask(instance, "GET", "/control/approvals", TIMEOUT_S)


def request_decision(instance: Instance, question_id: str, decision: str) -> None:
    """Decides a question. Raises `DrawbridgeError`, also if it is unknown, closed, or cannot be decided so."""
    path = f"/control/approvals/{quote(question_id, safe='')}"
    _ask(instance, "POST", path, TIMEOUT_S, {"decision": decision})


def _ask(
    instance: Instance, method: str, path: str, timeout_s: float, body: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    # Lazy: 0.1 s, and a server that starts does not need it.
    import http.client

    # A plain connection ignores proxy variables, which must not apply to this computer.
    try:
        with closing(http.client.HTTPConnection(instance.host, instance.port, timeout=timeout_s)) as connection:
            headers = {TOKEN_HEADER: instance.token, **({} if body is None else {"content-type": "application/json"})}
            connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _no_answer(instance, f"{type(error).__name__}: {error}") from error
    refused = answer.get("error") if isinstance(answer, dict) and response.status in _REFUSALS else None
    if isinstance(refused, dict):
        raise DrawbridgeError(str(refused.get("message")), title="The server refuses that")
    if response.status >= 300 or not isinstance(answer, dict):
        raise _no_answer(instance, f"it answered with status {response.status}")
    return answer


def _lock(data: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(data / _LOCK, mode=PRIVATE)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _no_answer(instance: Instance, why: str) -> DrawbridgeError:
    return DrawbridgeError(
        f"The server on port {instance.port} (pid {instance.pid}) runs but does not answer as it should ({why}).",
        hint="It may be starting or stopping: try again in a moment. If that does not help, end that process.",
        title="The running server does not answer",
    )


def _already(first: Instance | None) -> AlreadyRunning:
    if first is None:
        return AlreadyRunning(
            "Another server with the same data folder is starting or stopping.", hint="Try again in a moment."
        )
    return AlreadyRunning(
        f"It answers at {first.base_url} (pid {first.pid}).",
        hint="Use that one, end it with 'drawbridge stop', or start a second one with another --data-dir and --port.",
    )


def _load(data: Path) -> Instance | None:
    """Reads the instance file; None if it does not exist (yet) or is not ours."""
    try:
        given = json.loads((data / _FILE).read_text(encoding="utf-8"))
        return Instance(
            pid=int(given["pid"]),
            host=str(given["host"]),
            port=int(given["port"]),
            token=str(given["token"]),
            version=str(given["version"]),
            base_url=str(given["base_url"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
