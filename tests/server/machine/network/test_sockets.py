"""The sockets for given settings, and the errors for taken ports."""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace

import psutil
import pytest

from server.config import Config, Source
from server.errors import DrawbridgeError, PortTaken, StartError
from server.machine.network import port_owner, sockets
from server.machine.network.port_owner import owner_of, port_error
from server.machine.network.sockets import Listeners, lan_hosts, next_free, open_listeners, rebind
from tests.ports import free_port


@contextmanager
def opened(config: Config) -> Iterator[Listeners]:
    with closing(open_listeners(config)) as listeners:
        yield listeners


def given(port: int, host: str = "127.0.0.1", **more: object) -> Config:
    """Settings with a configured port and the default host, unless one is given."""
    sources: dict[str, Source] = {"port": "flag"}
    return Config(host=host, port=port, sources=sources if host == "127.0.0.1" else {**sources, "host": "flag"}, **more)  # type: ignore[arg-type]


def has_v6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


v6 = pytest.mark.skipif(not has_v6(), reason="there is no IPv6 here")


def reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


@v6
def test_by_default_both_loopbacks_listen_on_one_port() -> None:
    port = free_port()
    with opened(given(port)) as listeners:
        assert reaches("127.0.0.1", port)
        assert reaches("::1", port)
        assert listeners.addresses == (f"127.0.0.1:{port}", f"[::1]:{port}")
        assert listeners.base_url == f"http://127.0.0.1:{port}/v1"
        assert {name for name, _ in listeners.by_name()} == {"local"}
    assert not reaches("127.0.0.1", port)


@v6
def test_localhost_means_both_loopbacks() -> None:
    with opened(given(free_port(), host="localhost")) as listeners:
        assert len(listeners.local) == 2


def test_an_explicit_host_is_the_only_one() -> None:
    with opened(Config(port=0, sources={"host": "flag", "port": "flag"})) as listeners:
        assert [address.rpartition(":")[0] for address in listeners.addresses] == ["127.0.0.1"]


@v6
def test_a_v6_host_is_bracketed_where_it_is_pasted() -> None:
    with opened(given(0, host="::1")) as listeners:
        assert listeners.base_url == f"http://[::1]:{listeners.port}/v1"


def test_where_there_is_no_v6_the_v4_loopback_alone_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = sockets._bind

    def without_v6(host: str, port: int) -> socket.socket:
        if ":" in host:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return bind(host, port)

    monkeypatch.setattr(sockets, "_bind", without_v6)
    with opened(Config(port=0)) as listeners:
        assert len(listeners.local) == 1


@v6
def test_a_port_that_is_taken_on_one_loopback_is_taken_and_the_other_is_given_back() -> None:
    port = free_port()
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        with pytest.raises(PortTaken, match=f"Port {port} on ::1 is taken"):
            open_listeners(given(port))
        assert not reaches("127.0.0.1", port)


def test_a_configured_port_that_is_taken_is_an_error_that_names_the_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            open_listeners(given(port))
        assert f"(pid {os.getpid()})" in str(caught.value)
        assert "--port" in str(caught.value)
        assert reaches("127.0.0.1", port), "the other program goes on"


def test_a_port_taken_on_every_address_is_taken_on_loopback_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as other, pytest.raises(PortTaken):
        open_listeners(given(other.getsockname()[1]))


def test_an_owner_that_the_system_does_not_show_is_another_program() -> None:
    assert owner_of(1, "127.0.0.1") == "another program"


def test_if_only_root_sees_all_sockets_the_users_own_processes_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""

    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert f"(pid {os.getpid()})" in owner_of(other.getsockname()[1], "127.0.0.1")


@pytest.mark.parametrize(
    ("addresses", "named"),
    [(["10.0.0.7", "0.0.0.0", "127.0.0.1"], 2), (["10.0.0.7", "::"], 1), (["10.0.0.7"], 0)],
)
def test_of_several_owners_of_a_port_the_conflicting_one_is_named(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], named: int
) -> None:
    rows = [(SimpleNamespace(ip=address, port=80), pid) for pid, address in enumerate(addresses)]
    monkeypatch.setattr(port_owner, "_listening", lambda: rows)
    monkeypatch.setattr(psutil, "Process", lambda pid: SimpleNamespace(name=lambda: f"program {pid}"))
    assert owner_of(80, "127.0.0.1") == f"program {named} (pid {named})"


def test_a_taken_default_port_moves_to_the_next_free_one_with_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with opened(Config(port=port)) as listeners:
            assert port < listeners.port <= port + sockets.NEXT_PORTS
            assert listeners.moved is not None
            assert f"Port {port} on 127.0.0.1 is taken" in listeners.moved
            assert f"Port {listeners.port} is used instead." in listeners.moved


def test_a_free_default_port_has_no_reason_to_move() -> None:
    with opened(Config(port=free_port())) as listeners:
        assert listeners.moved is None


def test_without_a_free_port_near_the_default_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(host: str, port: int) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(sockets, "_bind", taken)
    with pytest.raises(PortTaken, match="8082 to 8102 are all taken"):
        open_listeners(Config())


def test_a_host_for_other_devices_gets_a_local_listener_beside_it() -> None:
    with opened(given(0, host="0.0.0.0", api_key="k")) as listeners:
        assert [sock.getsockname()[0] for sock in listeners.lan] == ["0.0.0.0"]
        assert [sock.getsockname() for sock in listeners.local] == [listeners.control]
        assert listeners.base_url == f"http://127.0.0.1:{listeners.port}/v1"


def test_a_port_can_be_opened_again_at_once() -> None:
    port = free_port()
    for _ in range(3):
        with opened(given(port)), closing(socket.create_connection(("127.0.0.1", port), timeout=5)):
            pass


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(errno.EACCES, "Permission denied"), StartError, "may not listen on 127.0.0.1:80"),
        (
            OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"),
            StartError,
            "Cannot assign requested address",
        ),
        (socket.gaierror(-2, "Name or service not known"), StartError, "Name or service not known"),
    ],
)
def test_each_failure_has_its_own_message(error: OSError, kind: type[StartError], words: str) -> None:
    said = port_error("127.0.0.1", 80, error)
    assert type(said) is kind
    assert words in str(said)


def test_a_range_that_windows_reserves_is_not_blamed_on_a_program() -> None:
    error = OSError(errno.EACCES, "forbidden by its access permissions")
    error.winerror = 10013  # type: ignore[attr-defined] # only Windows' own errors have it
    said = port_error("127.0.0.1", 8082, error)
    assert isinstance(said, PortTaken)
    assert said.title == "The port is reserved by Windows"
    assert "excludedportrange" in str(said)


several_loopbacks = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no second loopback address")


def lan(port: int, **more: object) -> Config:
    return Config(port=port, reach="lan", api_key="k", sources={"port": "flag"}, **more)  # type: ignore[arg-type]


@several_loopbacks
def test_containers_and_the_network_get_a_listener_on_the_same_port_at_each_address() -> None:
    port = free_port()
    with closing(open_listeners(lan(port), hosts=lambda: ("127.0.0.2", "127.0.0.3"))) as listeners:
        assert listeners.lan_addresses == (f"127.0.0.2:{port}", f"127.0.0.3:{port}")
        assert reaches("127.0.0.2", port)
        assert reaches("127.0.0.3", port)
        assert {name for name, socket in listeners.by_name() if socket in listeners.lan} == {"lan"}
        assert listeners.control == ("127.0.0.1", port)


@several_loopbacks
def test_a_lost_address_is_skipped_and_a_taken_one_is_an_error_that_closes_everything() -> None:
    port = free_port()
    with closing(open_listeners(lan(port), hosts=lambda: ("203.0.113.77", "127.0.0.2"))) as listeners:
        assert listeners.lan_addresses == (f"127.0.0.2:{port}",)
    with socket.create_server(("127.0.0.2", port)), pytest.raises(PortTaken, match=r"on 127\.0\.0\.2 is taken by"):
        open_listeners(lan(port), hosts=lambda: ("127.0.0.2",))
    assert not reaches("127.0.0.1", port)


def test_this_computers_own_addresses_are_not_the_networks() -> None:
    hosts = lan_hosts()
    assert not [host for host in hosts if host.startswith(("127.", "169.254.", "fe80")) or host == "::1"]


def test_a_socket_on_every_address_is_named_by_each() -> None:
    with closing(open_listeners(given(0, host="0.0.0.0", api_key="k"), hosts=lambda: ("10.0.0.7",))) as listeners:
        assert listeners.lan_addresses == (f"10.0.0.7:{listeners.port}",)


@several_loopbacks
def test_a_rebind_keeps_the_sockets_that_it_still_wants() -> None:
    port = free_port()
    with opened(given(port)) as old:
        more = rebind(old, given(port), lan(port), hosts=lambda: ("127.0.0.2",))
        assert more.local == old.local
        assert more.lan_addresses == (f"127.0.0.2:{port}",)
        more.close(but=old)
        assert reaches("127.0.0.1", port)
        assert not reaches("127.0.0.2", port)


@several_loopbacks
def test_a_failed_rebind_closes_what_is_new_and_nothing_else() -> None:
    other = free_port()
    with opened(given(0)) as old, socket.create_server(("127.0.0.2", other)):
        with pytest.raises(PortTaken):
            rebind(old, given(0), lan(other), hosts=lambda: ("127.0.0.2",))
        assert reaches("127.0.0.1", old.port)
        assert not reaches("127.0.0.1", other)


def test_the_next_free_port_is_one_that_can_be_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = next_free(given(port), port - 1)
    assert found > port


def test_ollamas_port_is_a_local_listener_beside_the_others() -> None:
    port, ollama = free_port(), free_port()
    with opened(given(port, ollama_port=ollama)) as listeners:
        assert reaches("127.0.0.1", ollama)
        assert f"127.0.0.1:{ollama}" in listeners.addresses
        assert {name for name, _ in listeners.by_name()} == {"local", "ollama"}
        assert (listeners.port, listeners.ollama_refused) == (port, None)
    assert not reaches("127.0.0.1", ollama)
    with opened(given(port, ollama_port=port)) as listeners:
        assert listeners.ollama == ()


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=v6)])
def test_a_server_starts_without_ollamas_port_if_ollama_has_it_and_names_the_owner(host: str) -> None:
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        ollama = taken.getsockname()[1]
        with opened(given(free_port(), ollama_port=ollama)) as listeners:
            assert listeners.ollama == ()
            assert f"pid {os.getpid()}" in (listeners.ollama_refused or "")
            assert len(listeners.addresses) == len(listeners.local)
        if host == "::1":
            # The half that was free has been given back.
            socket.create_server(("127.0.0.1", ollama)).close()


def test_ollamas_port_is_added_and_removed_while_the_server_runs() -> None:
    before = given(free_port())
    with opened(before) as first:
        after = given(first.port, ollama_port=free_port())
        with closing(rebind(first, before, after)) as second:
            assert second.local == first.local
            assert second.ollama
            third = rebind(second, after, before)
            assert (third.local, third.ollama) == (first.local, ())
            again = rebind(second, after, after)
            assert again.ollama == second.ollama
        assert reaches("127.0.0.1", first.port) is False


def test_a_change_to_a_taken_port_of_ollama_is_refused_and_changes_nothing() -> None:
    before = given(free_port())
    with opened(before) as first, socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(DrawbridgeError, match="is taken by") as caught:
            rebind(first, before, given(first.port, ollama_port=taken.getsockname()[1]))
        assert not isinstance(caught.value, StartError)
        assert reaches("127.0.0.1", first.port)


def test_the_main_port_may_become_ollamas_and_leave_it() -> None:
    before = given(free_port(), ollama_port=free_port())
    with opened(before) as first:
        moved = given(before.ollama_port, ollama_port=before.ollama_port)
        second = rebind(first, before, moved)
        first.close(but=second)
        assert (second.port, second.local, second.ollama) == (before.ollama_port, first.ollama, ())
        with closing(rebind(second, moved, before)) as third:
            assert (third.ollama, third.port) == (first.ollama, before.port)
