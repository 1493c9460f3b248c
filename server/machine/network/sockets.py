"""The listening sockets. We bind them ourselves, so that a taken port is a clear error that names its owner."""

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from server.config import Config
from server.errors import DrawbridgeError, PortTaken, SettingsInvalid, StartError
from server.machine.network.port_owner import WILDCARDS, bracketed, is_answered, is_no_such_address, port_error

NEXT_PORTS = 20
_BACKLOG = 2048
_NO_OLLAMA = "Drawbridge cannot answer as Ollama"
_DEFAULT_PORT = Config().port
# macOS and the BSDs let 127.0.0.1 be bound beside a program that has the port on every address.
_SHARES_PORTS = sys.platform not in {"linux", "win32"}

ListenerName = Literal["local", "lan", "ollama"]
Hosts = Callable[[], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Listeners:
    """Bound sockets: `local` and `ollama` for this computer, `lan` for others. The other fields outlive the sockets.

    `host` and `port` are for clients on this computer, `control` is the host and port of the local listener.
    `addresses` are all that answer, as in 127.0.0.1:8082; `lan_addresses` those for containers and the network.
    `moved` says why the port is not the configured one, `ollama_refused` why Ollama's port does not answer.
    """

    local: tuple[socket.socket, ...]
    lan: tuple[socket.socket, ...]
    addresses: tuple[str, ...]
    host: str
    port: int
    control: tuple[str, int]
    moved: str | None = None
    lan_addresses: tuple[str, ...] = ()
    ollama: tuple[socket.socket, ...] = ()
    ollama_refused: str | None = None
    ollama_addresses: tuple[str, ...] = ()

    @property
    def base_url(self) -> str:
        """The base URL for clients on this computer."""
        return f"http://{bracketed(self.host)}:{self.port}/v1"

    def by_name(self) -> Iterator[tuple[ListenerName, socket.socket]]:
        """Yields each socket with the name of its listener."""
        for listener in self.local:
            yield "local", listener
        for listener in self.lan:
            yield "lan", listener
        for listener in self.ollama:
            yield "ollama", listener

    def close(self, *, but: "Listeners | None" = None) -> None:
        """Closes all sockets, except those that belong to `but` too."""
        for _, listener in self.by_name():
            if but is None or listener not in (*but.local, *but.lan, *but.ollama):
                listener.close()


def open_listeners(config: Config, *, hosts: Hosts | None = None) -> Listeners:
    """Binds what `config` says. If the default port is taken, the next free one is used.

    Loopback means 127.0.0.1 and, where there is IPv6, ::1 on the same port. With reach "lan" the other addresses of
    this computer (`hosts`) get the same port. A host that others can reach gets a local listener beside it, on a port
    chosen by the system, for `drawbridge status` and `stop`. Raises `PortTaken` or `StartError`.

    If Ollama's port is taken, the server does without it.
    """
    return _Opening(config, hosts or lan_hosts).open()


def rebind(old: Listeners, before: Config, config: Config, *, hosts: Hosts | None = None) -> Listeners:
    """Binds what `config` says now. Sockets of `old`, opened for `before`, are reused; nothing is closed.

    Raises `SettingsInvalid` for a change between one address and all addresses on the same port, and otherwise as
    `open_listeners` does; then nothing new is open.
    """
    same_port = (config.port, config.source("port")) == (before.port, before.source("port"))
    is_wide = config.host != before.host and {config.host, before.host} & WILDCARDS
    if is_wide and (same_port or config.port == old.port):
        raise SettingsInvalid(
            "A change between one address and all addresses needs another port or a restart.",
            hint="Restart Drawbridge.",
        )
    if config.port == old.port:
        # The port that the server had moved to is now the configured one.
        same_port, old = True, replace(old, moved=None)
    changes_ollama = config.ollama_port != before.ollama_port or (config.ollama_port == old.port and not same_port)
    opening = _Opening(config, hosts or lan_hosts, old, changes_ollama=changes_ollama)
    return opening.at(old.port, moved=old.moved) if same_port else opening.open()


def next_free(config: Config, after: int) -> int:
    """Returns the first port above `after` that `config` could listen on. Raises `PortTaken` when 20 are taken."""
    first = after + 1 if after + NEXT_PORTS < 65536 else _DEFAULT_PORT
    for port in range(first, first + NEXT_PORTS):
        with suppress(PortTaken):
            listeners = _Opening(config, lan_hosts).at(port)
            listeners.close()
            return port
    raise PortTaken(
        f"The ports {first} to {first + NEXT_PORTS - 1} are all taken.", hint="Choose a port outside this range."
    )


def is_free(config: Config) -> bool:
    """Whether `config`'s own port could be listened on now."""
    try:
        _Opening(config, lan_hosts).at(config.port).close()
    except StartError:
        return False
    return True


def bind_tunnel(port: int) -> socket.socket:
    """Binds `port` of 127.0.0.1 for the tunnel; 0: a free one. Raises `PortTaken` or `StartError`."""
    try:
        return _bind("127.0.0.1", port)
    except OSError as error:
        reason = port_error("127.0.0.1", port, error)
        reason.hint = "Choose another port with tunnel_port, and send the requests there."
        raise reason from error


def lan_hosts() -> tuple[str, ...]:
    """Returns the addresses that the network or, by Docker's bridge, containers can reach: IPv4, else IPv6."""
    # Lazy: psutil takes 30 ms to import, and most servers are for this computer only.
    import psutil

    found = [address for given in psutil.net_if_addrs().values() for address in given]
    v4 = [address.address for address in found if address.family == socket.AF_INET]
    v6 = [address.address for address in found if address.family == socket.AF_INET6]
    reachable = [host for host in v4 if _is_reachable(host)] or [host for host in v6 if _is_reachable(host)]
    return tuple(dict.fromkeys(reachable))


def _is_reachable(host: str) -> bool:
    """Neither loopback nor link-local."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


class _Opening:
    """One opening of listeners; if it fails, it closes the sockets that it has bound."""

    def __init__(
        self, config: Config, lan: Hosts, old: Listeners | None = None, *, changes_ollama: bool = False
    ) -> None:
        self._config = config
        self._changes_ollama = changes_ollama
        self._lan = lan
        self._old = old
        self._kept = {listener.getsockname()[:2]: listener for _, listener in old.by_name()} if old else {}
        self._bound: list[socket.socket] = []

    def open(self) -> Listeners:
        """Binds the configured port; if that is the default and taken, the next free one."""
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
        """Binds this port."""
        try:
            return self._open(port, moved)
        except BaseException:
            for listener in self._bound:
                listener.close()
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
        ollama, refused = self._ollama(bound)
        return Listeners(
            local=local,
            lan=lan,
            addresses=_addresses((*local, *lan, *ollama) if config.is_loopback else (*lan, *local, *ollama)),
            host={"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host),  # noqa: S104 # compared, not bound
            port=bound,
            control=local[0].getsockname()[:2],
            moved=moved,
            lan_addresses=self._lan_addresses(lan, bound),
            ollama=ollama,
            ollama_refused=refused,
            ollama_addresses=_addresses(ollama),
        )

    def _bind_all(self, hosts: tuple[str, ...], port: int) -> tuple[socket.socket, ...]:
        """Binds all of `hosts`; without IPv6, ::1 is left out of a pair."""
        sockets: list[socket.socket] = []
        for host in hosts:
            try:
                sockets.append(self._bind(host, port))
                # Port 0 means any port, but the same one for all.
                port = sockets[0].getsockname()[1]
            except OSError as error:
                if len(hosts) == 1 or host != "::1" or not is_no_such_address(error):
                    raise port_error(host, port, error) from error
        return tuple(sockets)

    def _bind_lan(self, port: int) -> tuple[socket.socket, ...]:
        """Binds the same port of the other addresses; an address that is gone by now is left out."""
        sockets: list[socket.socket] = []
        for host in self._lan():
            try:
                sockets.append(self._bind(host, port))
            except OSError as error:
                if not is_no_such_address(error):
                    raise port_error(host, port, error) from error
        return tuple(sockets)

    def _ollama(self, main: int) -> tuple[tuple[socket.socket, ...], str | None]:
        """The sockets on Ollama's port, or why there are none. A change to a taken port raises `DrawbridgeError`."""
        config, old = self._config, self._old
        if config.ollama_port in {0, main}:
            return (), None
        if old is not None and not self._changes_ollama:
            return old.ollama, old.ollama_refused
        before = len(self._bound)
        try:
            return self._bind_all(("127.0.0.1", "::1"), config.ollama_port), None
        except StartError as error:
            for listener in self._bound[before:]:
                listener.close()
            del self._bound[before:]
            if old is not None:
                raise DrawbridgeError(
                    error.message, hint="Quit that program, then try again.", title=_NO_OLLAMA
                ) from error
            return (), error.message

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
        """The addresses for other computers; a socket on all addresses counts as each one."""
        hosts: list[str] = []
        for listener in sockets:
            host = listener.getsockname()[0]
            hosts += self._lan() if host in WILDCARDS else [host]
        return tuple(f"{bracketed(host)}:{port}" for host in dict.fromkeys(hosts))


def _loopback_hosts(config: Config) -> tuple[str, ...]:
    is_named = config.source("host") != "default" and config.host != "localhost"
    return (config.host,) if is_named else ("127.0.0.1", "::1")


def _bind(host: str, port: int) -> socket.socket:
    if _SHARES_PORTS and port and is_answered(host, port):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it. Without TCP_NODELAY every
    # second chunk of a stream would wait 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two programs have one port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Without it a restart waits a minute for the old connections to be forgotten.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is all addresses, IPv4 too; any other IPv6 address is itself.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.bind((host, port))
        # Until it listens, Linux would give the port to a second program too.
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 # the socket's own signature
    except BaseException:
        listener.close()
        raise
    return listener


def _addresses(sockets: tuple[socket.socket, ...]) -> tuple[str, ...]:
    names = [listener.getsockname()[:2] for listener in sockets]
    return tuple(f"{bracketed(host)}:{port}" for host, port in names)
