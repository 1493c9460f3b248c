"""The one running server of a data folder: a lock that says it runs, and a file that says how to talk to it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import filelock

from server.errors import AlreadyRunning, DrawbridgeError, StartError

TOKEN_HEADER = "x-drawbridge-token"  # noqa: S105 # the name of a header
TIMEOUT_S = 5.0
# Somebody who only looks whether a server runs holds the lock for a moment.
_CLAIM_TIMEOUT_S = 1.0
_LOCK, _FILE, _END = "server.lock", "server.json", "end-asked"


@dataclass(frozen=True, slots=True)
class Instance:
    """A running server. `host` and `port`: its local door; `token` opens the controls; `pid` is only for people."""

    pid: int
    host: str
    port: int
    token: str = field(repr=False)
    version: str
    base_url: str


class Claim:
    """The right to be the server of a data folder, held until `claim` ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, instance: Instance) -> None:
        """Tells the others how to talk to us; readable for this user only. Raises `StartError`."""
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            with suppress(FileNotFoundError):
                new.unlink()
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(instance), file)
            new.replace(self._path)
        except OSError as error:
            raise StartError(
                f"The file {str(self._path)!r} cannot be written: {error.strerror}.",
                hint="Choose another folder with --data-dir (DRAWBRIDGE_DATA_DIR).",
            ) from error

    def withdraw(self) -> None:
        """Nobody can talk to us now, but we still are the one."""
        _remove(self._path)

    def is_end_asked(self) -> bool:
        """Whether `ask_end` was called since we have the folder."""
        return self._path.with_name(_END).exists()


@contextmanager
def claim(data: Path) -> Iterator[Claim]:
    """Makes us the one server of the folder `data`; the system frees the claim however we end.

    Raises `AlreadyRunning`, which says where the first one is.
    """
    lock = filelock.FileLock(data / _LOCK)
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
        # What was asked of the one before is not meant for us.
        _remove(data / _END)
        yield Claim(data / _FILE)
    finally:
        _remove(data / _FILE)
        _remove(data / _END)
        lock.release()


def read_instance(data: Path) -> Instance | None:
    """The running server of the folder `data`; None when none runs. What a dead one left behind is removed."""
    if not (data / _FILE).exists():
        return None
    lock = filelock.FileLock(data / _LOCK)
    with suppress(filelock.Timeout, OSError), lock.acquire(timeout=0):
        # Nobody holds it, so nobody runs.
        (data / _FILE).unlink(missing_ok=True)
        return None
    return _load(data)


def ask_end(data: Path) -> bool:
    """Asks the app of the folder `data` to end though it has no server that could be asked; whether there is an app.

    It looks every few seconds. Raises `DrawbridgeError` where it cannot be asked.
    """
    if not (data / _LOCK).exists() or wait_until_gone(data, 0):
        return False
    try:
        (data / _END).touch(mode=0o600)
    except OSError as error:
        raise DrawbridgeError(
            f"The folder {str(data)!r} cannot be written: {error.strerror}.",
            hint="Quit it by the menu of its icon.",
            title="Drawbridge cannot be asked to stop",
        ) from error
    return True


def wait_until_gone(data: Path, timeout_s: float) -> bool:
    """Waits until no server holds the folder `data`; whether that was so in time."""
    lock = filelock.FileLock(data / _LOCK)
    try:
        with lock.acquire(timeout=timeout_s, poll_interval=0.05):
            return True
    except filelock.Timeout:
        return False


def ask_status(instance: Instance, *, timeout_s: float = TIMEOUT_S) -> Mapping[str, object]:
    """What the server says of itself. Raises `DrawbridgeError` when it does not answer."""
    return _ask(instance, "GET", "/control/status", timeout_s)


def ask_stop(instance: Instance, *, timeout_s: float = TIMEOUT_S) -> None:
    """Asks the server to stop and does not wait for it. Raises `DrawbridgeError` when it does not answer."""
    _ask(instance, "POST", "/control/stop", timeout_s)


def _ask(instance: Instance, method: str, path: str, timeout_s: float) -> Mapping[str, object]:
    # Lazy: 0.1 s, and who starts a server asks nobody.
    import http.client

    # A plain connection: proxy variables are not for this computer.
    try:
        with closing(http.client.HTTPConnection(instance.host, instance.port, timeout=timeout_s)) as connection:
            connection.request(method, path, headers={TOKEN_HEADER: instance.token})
            response = connection.getresponse()
            answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _mute(instance, f"{type(error).__name__}: {error}") from error
    if response.status >= 300 or not isinstance(answer, dict):
        raise _mute(instance, f"it answered with status {response.status}")
    return answer


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _mute(instance: Instance, why: str) -> DrawbridgeError:
    return DrawbridgeError(
        f"The server on port {instance.port} (pid {instance.pid}) runs but does not answer as it should ({why}).",
        hint="It may be just starting or stopping: try again in a moment. If it stays so, end that process.",
        title="The running server does not answer",
    )


def _already(first: Instance | None) -> AlreadyRunning:
    if first is None:
        return AlreadyRunning(
            "Another server with the same data folder is just starting or stopping.", hint="Try again in a moment."
        )
    return AlreadyRunning(
        f"It answers at {first.base_url} (pid {first.pid}).",
        hint="Use that one, end it with 'drawbridge stop', or start a second one with another --data-dir and --port.",
    )


def _load(data: Path) -> Instance | None:
    """What the file says; None where it does not exist (yet) or is not ours."""
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
