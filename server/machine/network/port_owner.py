"""Explains why an address cannot be bound: which program has the port, or what the system says."""

import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from server.errors import PortTaken, StartError

if TYPE_CHECKING:
    from psutil._ntuples import addr, pconn, sconn

WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 # compared, not bound
# "Forbidden by its access permissions": Hyper-V and WSL reserve whole ranges on which no program listens.
_WSAEACCES, _WSAEADDRINUSE = 10013, 10048


def port_error(host: str, port: int, error: OSError) -> StartError:
    """Returns the error for a failed bind of `port` on `host`."""
    place = f"{bracketed(host)}:{port}"
    if getattr(error, "winerror", None) == _WSAEACCES:
        return PortTaken(
            f"Windows reserves port {port} for itself, although no program listens on it.",
            hint="Choose another port; 'netsh int ipv4 show excludedportrange protocol=tcp' lists the reserved ones.",
            title="The port is reserved by Windows",
        )
    if error.errno == errno.EADDRINUSE or getattr(error, "winerror", None) == _WSAEADDRINUSE:
        return PortTaken(
            f"Port {port} on {host} is taken by {owner_of(port, host)}.",
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


def is_no_such_address(error: OSError) -> bool:
    """Whether this computer lacks the address, as ::1 where IPv6 is switched off or not built in."""
    return error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOPROTOOPT}


def is_answered(host: str, port: int) -> bool:
    """Whether a program accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False


def owner_of(port: int, host: str) -> str:
    """Returns the program on `port`, as in "nginx (pid 812)", preferably one on `host` itself."""
    # Lazy: psutil takes 30 ms to import, and a free port has no owner.
    import psutil

    with suppress(psutil.Error, OSError):
        found = [(listener, pid) for listener, pid in _listening() if listener.port == port]
        if found:
            _, pid = min(found, key=lambda pair: (pair[0].ip != host, pair[0].ip not in WILDCARDS))
            return f"{psutil.Process(pid).name()} (pid {pid})"
    return "another program"


def _listening() -> "list[tuple[addr, int]]":
    """Every listening address with the pid of its owner, as far as the system shows owners."""
    import psutil

    def listeners(connections: "Iterable[sconn | pconn]") -> "Iterator[addr]":
        return (each.laddr for each in connections if each.laddr and each.status == psutil.CONN_LISTEN)

    try:
        every = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        # macOS shows all owners to root only, but the user's own processes to the user.
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                found += [(listener, process.pid) for listener in listeners(process.net_connections("tcp"))]
        return found
    return [(listener, each.pid) for each in every if each.pid is not None for listener in listeners([each])]


def bracketed(host: str) -> str:
    """Returns `host` as in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
