"""Whether a connection on the loopback comes from another user of this computer; known on Linux only."""

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_ESTABLISHED = b"01"
_ROOT = 0
_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}

Address = tuple[str, int]
IP = ipaddress.IPv4Address | ipaddress.IPv6Address
End = tuple[IP, int]


def is_other_user(client: Address, server: Address, *, own: int | None = None) -> bool:
    """Whether the client's end of this connection belongs to a user other than us (or `own`) and root.

    False if the system does not report it. Root can read our key and our sign-in anyway.
    """
    if sys.platform != "linux":
        return False
    found = _uid_and_state(client, server)
    if found is None:
        return False
    uid, state = found
    if uid == (os.getuid() if own is None else own):
        return False
    # A socket whose process has closed it is shown as root's.
    return uid != _ROOT or state != _ESTABLISHED


def _uid_and_state(client: Address, server: Address) -> tuple[int, bytes] | None:
    """The owner and the state of the client's socket in the kernel's tables; None if it is not there."""
    try:
        ends: list[End] = [(ipaddress.ip_address(host.partition("%")[0]), port) for host, port in (client, server)]
        if not all(host.is_loopback for host, _ in ends):
            return None
        for version, (one, other) in _forms(ends):
            row = b" %s %s " % (_entry(*one), _entry(*other))
            table = _TABLES[version].read_bytes()
            at = table.find(row)
            if at >= 0:
                state, _, _, _, uid = table[at + len(row) :].split(None, 5)[:5]
                return int(uid), state
    except (OSError, ValueError):
        return None
    return None


def _forms(ends: list[End]) -> Iterator[tuple[int, list[End]]]:
    """How the connection may be listed: an IPv6 socket may hold an IPv4 connection."""
    version = ends[0][0].version
    yield version, ends
    if version == 4:
        yield 6, [(ipaddress.IPv6Address(f"::ffff:{host}"), port) for host, port in ends]


def _entry(host: IP, port: int) -> bytes:
    """The address as the kernel writes it: words of four bytes in this computer's order."""
    packed = host.packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return b"%s:%04X" % ("".join(f"{word:08X}" for word in words).encode(), port)
