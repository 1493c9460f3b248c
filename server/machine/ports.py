"""The listening sockets: bound by ourselves, so that a taken port is a clear error and names who has it."""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from server.config import Config
from server.errors import PortTaken, StartError

NEXT_PORTS = 20
_BACKLOG = 2048
# "Forbidden by its access permissions": Hyper-V and WSL reserve whole ranges in which nobody listens.
_WSAEACCES = 10013
# macOS and the BSDs let 127.0.0.1 be bound beside a program that has the port on every address.
_SHARES_PORTS = sys.platform not in {"linux", "win32"}

DoorName = Literal["local", "lan"]


@dataclass(frozen=True, slots=True)
class Listeners:
    """Sockets that accept already, by the door they belong to. `moved` says why it is not the port that was asked for.

    `host` and `port` are what clients on this computer should use; `control` is the host and port of the local door.
    `addresses` are all that answer, as in 127.0.0.1:8082; they stay when the sockets are closed.
    """

    local: tuple[socket.socket, ...]
    lan: tuple[socket.socket, ...]
    addresses: tuple[str, ...]
    host: str
    port: int
    control: tuple[str, int]
    moved: str | None = None

    @property
    def base_url(self) -> str:
        """What to paste into a client on this computer."""
        return f"http://{_bracketed(self.host)}:{self.port}/v1"

    def by_door(self) -> Iterator[tuple[DoorName, list[socket.socket]]]:
        """The doors that have sockets, and these."""
        if self.local:
            yield "local", list(self.local)
        if self.lan:
            yield "lan", list(self.lan)

    def close(self) -> None:
        """Closes them all."""
        for listener in (*self.local, *self.lan):
            listener.close()


def open_listeners(config: Config) -> Listeners:
    """Binds what `config` says. A default port that is taken is passed over for the next free one.

    Loopback is both 127.0.0.1 and ::1 where there is v6, on one port. A host that others can reach gets a local door of
    its own on a port that the system chooses, for `drawbridge status` and `stop`. Raises `PortTaken` or `StartError`.
    """
    if config.source("port") != "default":
        return _open(config, config.port)
    try:
        return _open(config, config.port)
    except PortTaken as error:
        for port in range(config.port + 1, config.port + 1 + NEXT_PORTS):
            with suppress(PortTaken):
                return _open(config, port, moved=f"{error.message} Port {port} is used instead.")
        raise PortTaken(
            f"The ports {config.port} to {config.port + NEXT_PORTS} are all taken.",
            hint="Name a free one with --port (PORT).",
        ) from error


def _open(config: Config, port: int, *, moved: str | None = None) -> Listeners:
    hosts = _loopback_hosts(config) if config.is_loopback else (config.host,)
    sockets = _bind_all(hosts, port)
    local, lan = (sockets, ()) if config.is_loopback else (_bind_control(sockets), sockets)
    host, bound = sockets[0].getsockname()[:2]
    return Listeners(
        local=local,
        lan=lan,
        addresses=_addresses((*lan, *local)),
        host={"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host),  # noqa: S104 # compared, not bound
        port=bound,
        control=local[0].getsockname()[:2],
        moved=moved,
    )


def _bind_control(others: tuple[socket.socket, ...]) -> tuple[socket.socket, ...]:
    try:
        return (_bind("127.0.0.1", 0),)
    except OSError as error:
        _close(others)
        raise StartError(f"No local port is free: {error.strerror}.") from error


def _loopback_hosts(config: Config) -> tuple[str, ...]:
    is_named = config.source("host") != "default" and config.host != "localhost"
    return (config.host,) if is_named else ("127.0.0.1", "::1")


def _bind_all(hosts: tuple[str, ...], port: int) -> tuple[socket.socket, ...]:
    """All of `hosts` or none; where there is no v6, ::1 is left out of a pair."""
    sockets: list[socket.socket] = []
    try:
        for host in hosts:
            try:
                sockets.append(_bind(host, port))
                # Port 0 means any port, but the same one for all.
                port = sockets[0].getsockname()[1]
            except OSError as error:
                if len(hosts) == 1 or host != "::1" or not _is_no_such_address(error):
                    raise _port_error(host, port, error) from error
    except StartError:
        _close(sockets)
        raise
    return tuple(sockets)


def _bind(host: str, port: int) -> socket.socket:
    if _SHARES_PORTS and port and _somebody_answers(host, port):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two programs have one port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Without it a restart waits a minute for the old connections to be forgotten.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is everything, v4 too; any other v6 address is itself.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.bind((host, port))
        # Linux gives a port away twice as long as nobody listens on it.
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 # the socket's own signature
    except BaseException:
        listener.close()
        raise
    return listener


def _somebody_answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False


def _is_no_such_address(error: OSError) -> bool:
    """Whether there is no v6 here: switched off in the system, or not built in."""
    return error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOPROTOOPT}


def _port_error(host: str, port: int, error: OSError) -> StartError:
    place = f"{_bracketed(host)}:{port}"
    if getattr(error, "winerror", None) == _WSAEACCES:
        return PortTaken(
            f"Windows reserves port {port} for itself, although no program listens on it.",
            hint="Choose another port; 'netsh int ipv4 show excludedportrange protocol=tcp' lists the reserved ones.",
            title="The port is reserved by Windows",
        )
    if error.errno == errno.EADDRINUSE or getattr(error, "winerror", None) == 10048:
        return PortTaken(
            f"Port {port} on {host} is taken by {owner_of(port)}.",
            hint="Stop that program, or choose another port with --port (PORT).",
        )
    if error.errno == errno.EACCES:
        return StartError(
            f"This user may not listen on {place}.", hint="Choose a port from 1024 up with --port (PORT)."
        )
    return StartError(
        f"Drawbridge cannot listen on {place}: {error.strerror or error}.",
        hint="The host must be an address of this computer; 127.0.0.1 always works.",
    )


def owner_of(port: int) -> str:
    """Who listens on `port`, as in "nginx (pid 812)"; "another program" where the system does not tell."""
    # Lazy: psutil takes 30 ms to import, and a free port needs nobody's name.
    import psutil

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            is_it = connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
            if is_it and connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another program"


def _close(sockets: "list[socket.socket] | tuple[socket.socket, ...]") -> None:
    for listener in sockets:
        listener.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _addresses(sockets: tuple[socket.socket, ...]) -> tuple[str, ...]:
    names = [listener.getsockname()[:2] for listener in sockets]
    return tuple(f"{_bracketed(host)}:{port}" for host, port in names)
