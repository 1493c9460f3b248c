"""The menu's lines about the tunnel to the internet, and the notifications about it."""

from collections.abc import Iterator

from server.machine.tunnels.provider import Traits
from server.machine.tunnels.registry import PROVIDER_TRAITS
from server.status import TunnelStatus
from server.status_phrases import tunnel_line
from tray.commands import CloseTunnel, CopyAddress, Open, OpenTunnel
from tray.menu.item import SEPARATOR, Item, text_line
from tray.model import Notice, Snapshot

_LABEL = "Copy the address"


def tunnel_item(snapshot: Snapshot) -> Item:
    """Whether the tunnel is open, its address, and who could open it."""
    tunnel = snapshot.status.tunnel
    is_running = snapshot.status.base_url is not None
    if tunnel.state in {"off", "failed"}:
        items = (*_reason(tunnel), *(_open(traits, snapshot, enabled=is_running) for traits in PROVIDER_TRAITS))
    else:
        items = (*_address(tunnel), *_reason(tunnel), Item("Close the tunnel", CloseTunnel()))
    return Item(f"Tunnel for Cursor: {_first_lower(tunnel_line(tunnel))}", items=items)


def tunnel_mark(tunnel: TunnelStatus) -> str:
    """What the icon's tooltip says while the computer can be reached from the internet."""
    return "Open to the internet" if tunnel.state in {"open", "lost"} else ""


class TunnelNews:
    """Decides what is new about the tunnel, each thing once."""

    def __init__(self) -> None:
        self._before = TunnelStatus()

    def of(self, tunnel: TunnelStatus) -> Iterator[Notice]:
        """What to tell of `tunnel`."""
        before, self._before = self._before, tunnel
        copied = CopyAddress(tunnel.base_url)
        if tunnel.state == "open" and tunnel.former_url and tunnel.url != before.url:
            text = f"It is {tunnel.base_url} now. Enter it in Cursor, under Override OpenAI Base URL."
            yield Notice("Cursor's address has changed", text, copied, _LABEL)
        elif tunnel.state == "open" and before.state != "open" and tunnel.url != before.url:
            text = f"{tunnel.base_url} leads to this computer. Requests need a key that may be used from the internet."
            yield Notice("The tunnel is open", text, copied, _LABEL)
        elif tunnel.state == "failed" and before.state != "failed":
            yield Notice("The tunnel is not open", f"{tunnel.problem} {tunnel.hint}".strip())
        elif tunnel.closed_after_hours and not before.closed_after_hours:
            text = f"No request came through it for {tunnel.closed_after_hours:g} hours."
            yield Notice("The tunnel was closed", text)


def _address(tunnel: TunnelStatus) -> Iterator[Item]:
    if tunnel.base_url:
        yield Item(f"Copy base URL ({tunnel.base_url})", CopyAddress(tunnel.base_url))
        yield text_line(
            f"{tunnel.reader} can read the traffic" if tunnel.reader else "No third party can read the traffic"
        )
        yield SEPARATOR


def _reason(tunnel: TunnelStatus) -> Iterator[Item]:
    if tunnel.problem:
        yield text_line(tunnel.problem)
        if help_ := tunnel.command or tunnel.link or tunnel.hint:
            yield text_line(help_)
        yield SEPARATOR


def _open(traits: Traits, snapshot: Snapshot, *, enabled: bool) -> Item:
    if traits.needs_host and not snapshot.tunnel_host:
        return Item(f"{traits.title}...", Open("settings page"), enabled=enabled)
    opening = OpenTunnel(traits.name)
    if not traits.asks:
        return Item(traits.title, opening, enabled=enabled)
    warning = text_line(f"{traits.reader} can read every request and answer")
    return Item(traits.title, items=(warning, Item("Open it anyway", opening, enabled=enabled)))


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]
