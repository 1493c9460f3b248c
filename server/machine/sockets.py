"""The listening sockets: bound by ourselves, so that a taken port is a clear error and names who has it."""

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from server.config import Config
from server.errors import PortTaken, StartError

if TYPE_CHECKING:
    from psutil._ntuples import addr, pconn, sconn

NEXT_PORTS = 20
_BACKLOG = 2048
_DEFAULT_PORT = Config().port
# "Forbidden by its access permissions": Hyper-V and WSL reserve whole ranges in which nobody listens.
_WSAEACCES = 10013
# macOS and the BSDs let 127.0.0.1 be bound beside a program that has the port on every address.
_SHARES_PORTS = sys.platform not in {"linux", "win32"}

WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 # compared, not bound

DoorName = Literal["local", "lan"]


@dataclass(frozen=True, slots=True)
class Listeners:
    """Sockets that accept already, by the door they belong to. `moved` says why it is not the port that was asked for.

    `host` and `port` are what clients on this computer should use; `control` is the host and port of the local door.
    `addresses` are all that answer, as in 127.0.0.1:8082; `lan_addresses` where containers and the network find us.
    Both stay when the sockets are closed.
    """

    local: tuple[socket.socket, ...]
    lan: tuple[socket.socket, ...]
    addresses: tuple[str, ...]
    host: str
    port: int
    control: tuple[str, int]
    moved: str | None = None
    lan_addresses: tuple[str, ...] = ()

    @property
    def base_url(self) -> str:
        """What to paste into a client on this computer."""
        return f"http://{_bracketed(self.host)}:{self.port}/v1"

    def by_door(self) -> Iterator[tuple[DoorName, socket.socket]]:
        """Each socket with the door it belongs to."""
        for listener in self.local:
            yield "local", listener
        for listener in self.lan:
            yield "lan", listener

    def close(self, *, but: "Listeners | None" = None) -> None:
        """Closes them all, except those that belong to `but` too."""
        for _, listener in self.by_door():
            if but is None or listener not in (*but.local, *but.lan):
                listener.close()


def open_listeners(config: Config, *, hosts: Callable[[], tuple[str, ...]] | None = None) -> Listeners:
    """Binds what `config` says. A default port that is taken is passed over for the next free one.

    Loopback is both 127.0.0.1 and ::1 where there is v6, on one port; with `reach` the same port of this computer's
    other addresses (`hosts`) is the lan door. A host that others can reach gets a local door of its own on a port that
    the system chooses, for `drawbridge status` and `stop`. Raises `PortTaken` or `StartError`.
    """
    return _Opening(config, hosts or lan_hosts).open()


def rebind(
    old: Listeners, config: Config, *, same_port: bool, hosts: Callable[[], tuple[str, ...]] | None = None
) -> Listeners:
    """What `config` says now; sockets of `old` that it still wants are kept, and nothing is closed.

    `same_port`: the port in the settings is the one they had for `old`, which may have moved from it. Raises as
    `open_listeners` does; then nothing new is open.
    """
    opening = _Opening(config, hosts or lan_hosts, old)
    return opening.at(old.port, moved=old.moved) if same_port else opening.open()


def next_free(config: Config, after: int, *, hosts: Callable[[], tuple[str, ...]] | None = None) -> int:
    """The first port above `after` that could be listened on as `config` says. Raises `PortTaken` when 20 are taken."""
    first = after + 1 if after + NEXT_PORTS < 65536 else _DEFAULT_PORT
    for port in range(first, first + NEXT_PORTS):
        with suppress(PortTaken):
            listeners = _Opening(config, hosts or lan_hosts).at(port)
            listeners.close()
            return port
    raise PortTaken(f"The ports {first} to {first + NEXT_PORTS - 1} are all taken.", hint="Choose one far from these.")


def lan_hosts() -> tuple[str, ...]:
    """The addresses of this computer that containers or the network can reach, now. Those of v6 where there is no v4.

    That of Docker's bridge is among them, which is what containers call host.docker.internal.
    """
    # Lazy: psutil takes 30 ms to import, and most servers are for this computer only.
    import psutil

    found = [address for given in psutil.net_if_addrs().values() for address in given]
    v4 = [address.address for address in found if address.family == socket.AF_INET]
    v6 = [address.address for address in found if address.family == socket.AF_INET6]
    reachable = [host for host in v4 if _is_reachable(host)] or [host for host in v6 if _is_reachable(host)]
    return tuple(dict.fromkeys(reachable))


def _is_reachable(host: str) -> bool:
    """Not this computer's own, and not one that holds on a single wire only."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


class _Opening:
    """One opening of listeners; what it has bound itself is closed again when it fails."""

    def __init__(self, config: Config, lan: Callable[[], tuple[str, ...]], old: Listeners | None = None) -> None:
        self._config = config
        self._lan = lan
        self._old = old
        self._kept = {listener.getsockname()[:2]: listener for _, listener in old.by_door()} if old else {}
        self._bound: list[socket.socket] = []

    def open(self) -> Listeners:
        """On the port of the settings, or if that is a default one and taken, on the next free one."""
        first = self._config.port
        try:
            return self.at(first)
        except PortTaken as error:
            if self._config.source("port") != "default":
                raise
            for port in range(first + 1, first + 1 + NEXT_PORTS):
                with suppress(PortTaken):
                    return self.at(port, moved=f"{error.message} Port {port} is used instead.")
            raise PortTaken(
                f"The ports {first} to {first + NEXT_PORTS} are all taken.", hint="Name a free one with --port (PORT)."
            ) from error

    def at(self, port: int, *, moved: str | None = None) -> Listeners:
        """On this port."""
        try:
            return self._open(port, moved)
        except BaseException:
            _close(self._bound)
            self._bound.clear()
            raise

    def _open(self, port: int, moved: str | None) -> Listeners:
        config = self._config
        sockets = self._bind_all(_loopback_hosts(config) if config.is_loopback else (config.host,), port)
        host, bound = sockets[0].getsockname()[:2]
        if config.is_loopback:
            local, lan = sockets, self._bind_lan(bound) if config.reach == "lan" else ()
        else:
            local, lan = (self._bind_control(),), sockets
        return Listeners(
            local=local,
            lan=lan,
            addresses=_addresses((*local, *lan) if config.is_loopback else (*lan, *local)),
            host={"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host),  # noqa: S104 # compared, not bound
            port=bound,
            control=local[0].getsockname()[:2],
            moved=moved,
            lan_addresses=self._lan_addresses(lan, bound),
        )

    def _bind_all(self, hosts: tuple[str, ...], port: int) -> tuple[socket.socket, ...]:
        """All of `hosts`; where there is no v6, ::1 is left out of a pair."""
        sockets: list[socket.socket] = []
        for host in hosts:
            try:
                sockets.append(self._bind(host, port))
                # Port 0 means any port, but the same one for all.
                port = sockets[0].getsockname()[1]
            except OSError as error:
                if len(hosts) == 1 or host != "::1" or not _is_no_such_address(error):
                    raise _port_error(host, port, error) from error
        return tuple(sockets)

    def _bind_lan(self, port: int) -> tuple[socket.socket, ...]:
        """The same port of the other addresses; one that is gone by now is left out."""
        sockets: list[socket.socket] = []
        for host in self._lan():
            try:
                sockets.append(self._bind(host, port))
            except OSError as error:
                if not _is_no_such_address(error):
                    raise _port_error(host, port, error) from error
        return tuple(sockets)

    def _bind_control(self) -> socket.socket:
        old = self._old
        if old is not None and old.control[1] != old.port:
            return old.local[0]
        try:
            return self._bind("127.0.0.1", 0)
        except OSError as error:
            raise StartError(f"No local port is free: {error.strerror}.") from error

    def _bind(self, host: str, port: int) -> socket.socket:
        kept = self._kept.get((host, port))
        if kept is None:
            kept = _bind(host, port)
            self._bound.append(kept)
        return kept

    def _lan_addresses(self, sockets: tuple[socket.socket, ...], port: int) -> tuple[str, ...]:
        """Where others find them: a socket on every address is found at each one."""
        hosts: list[str] = []
        for listener in sockets:
            host = listener.getsockname()[0]
            hosts += self._lan() if host in WILDCARDS else [host]
        return tuple(f"{_bracketed(host)}:{port}" for host in dict.fromkeys(hosts))


def _loopback_hosts(config: Config) -> tuple[str, ...]:
    is_named = config.source("host") != "default" and config.host != "localhost"
    return (config.host,) if is_named else ("127.0.0.1", "::1")


def _bind(host: str, port: int) -> socket.socket:
    if _SHARES_PORTS and port and _somebody_answers(host, port):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio switches Nagle's algorithm off for sockets that name it, and for no others. With it,
    # every second piece of a stream would wait for the client's acknowledgement, 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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


def owner_of(port: int, host: str) -> str:
    """Who listens on `port`, as in "nginx (pid 812)"; "another program" where the system does not tell.

    Who has it on `host` itself is named before who has it on every address, and that one before any other.
    """
    # Lazy: psutil takes 30 ms to import, and a free port needs nobody's name.
    import psutil

    with suppress(psutil.Error, OSError):
        found = [(listener, pid) for listener, pid in _listening() if listener.port == port]
        if found:
            _, pid = min(found, key=lambda pair: (pair[0].ip != host, pair[0].ip not in WILDCARDS))
            return f"{psutil.Process(pid).name()} (pid {pid})"
    return "another program"


def _listening() -> "list[tuple[addr, int]]":
    """Every listening address whose owner the system tells us, and that owner's process id."""
    import psutil

    def listeners(connections: "Iterable[sconn | pconn]") -> "Iterator[addr]":
        return (each.laddr for each in connections if each.laddr and each.status == psutil.CONN_LISTEN)

    try:
        every = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        # macOS tells all of them to root only, but of the user's own processes to the user.
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                found += [(listener, process.pid) for listener in listeners(process.net_connections("tcp"))]
        return found
    return [(listener, each.pid) for each in every if each.pid is not None for listener in listeners([each])]


def _close(sockets: Iterable[socket.socket]) -> None:
    for listener in sockets:
        listener.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _addresses(sockets: tuple[socket.socket, ...]) -> tuple[str, ...]:
    names = [listener.getsockname()[:2] for listener in sockets]
    return tuple(f"{_bracketed(host)}:{port}" for host, port in names)
