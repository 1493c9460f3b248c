"""The menu's lines about the tunnel, and what is told of it, each thing once."""

from dataclasses import replace

from server.machine.tunnels.registry import PROVIDER_TRAITS
from server.status import State, Status, TunnelStatus
from tray.commands import CloseTunnel, CopyAddress, Open, OpenTunnel
from tray.menu.menu import menu_for, tooltip_for
from tray.menu.tunnel import TunnelNews, tunnel_item
from tray.model import Snapshot

RUNNING = Status(state=State.RUNNING, base_url="http://127.0.0.1:8082/v1")
OPEN = TunnelStatus("open", "ssh", "ssh relay", "https://a.lhr.life", reader="localhost.run", opened_at=1.0)


def test_every_provider_can_be_chosen_and_a_relay_only_after_a_warning() -> None:
    items = {item.text: item for item in tunnel_item(Snapshot(status=RUNNING)).items}
    assert list(items) == [
        "Tailscale Funnel",
        "Cloudflare quick tunnel",
        "Cloudflare tunnel with my domain...",
        "ngrok",
        "ssh relay (localhost.run)",
        "An address of my own...",
    ]
    assert items["Tailscale Funnel"].command == OpenTunnel("tailscale")
    assert items["An address of my own..."].command == Open("settings page")
    relay = items["ssh relay (localhost.run)"]
    assert relay.command is None
    assert [item.text for item in relay.items] == [
        "localhost.run can read every request and answer",
        "Open it anyway",
    ]
    assert relay.items[1].command == OpenTunnel("ssh")
    named = tunnel_item(Snapshot(status=RUNNING, tunnel_host="a.example"))
    assert OpenTunnel("own") in [item.command for item in named.items]
    assert not any(item.enabled for item in tunnel_item(Snapshot()).items if item.command is not None)
    assert len(PROVIDER_TRAITS) == len(items)


def test_an_open_one_shows_its_address_who_reads_along_and_the_way_to_close_it() -> None:
    snapshot = Snapshot(status=replace(RUNNING, tunnel=OPEN))
    texts = [item.text for item in tunnel_item(snapshot).items]
    assert "localhost.run can read the traffic" in texts
    commands = [item.command for item in tunnel_item(snapshot).items]
    assert CopyAddress("https://a.lhr.life/v1") in commands
    assert CloseTunnel() in commands
    assert "Open to the internet" in tooltip_for(snapshot)
    assert "internet" not in tooltip_for(Snapshot(status=RUNNING))
    assert "Tunnel for Cursor: open through ssh relay" in [item.text for item in menu_for(snapshot)]


def test_a_changed_address_is_told_once_and_a_click_copies_it() -> None:
    news = TunnelNews()

    def told(status: TunnelStatus) -> list[str]:
        return [notice.title for notice in news.of(status)]

    assert told(TunnelStatus("opening")) == []
    assert told(OPEN) == ["The tunnel is open"]
    assert told(replace(OPEN, used_at=2.0)) == []
    assert told(replace(OPEN, state="lost", problem="It ended.")) == []
    back = replace(OPEN, url="https://b.lhr.life", former_url=OPEN.url)
    (notice,) = news.of(back)
    assert notice.title == "Cursor's address has changed"
    assert notice.action == CopyAddress("https://b.lhr.life/v1")
    assert told(replace(back, used_at=3.0)) == []
    # The same name again is no news.
    assert told(replace(back, state="lost")) == []
    assert told(replace(back, former_url="")) == []
    assert told(replace(back, state="failed", problem="No network.")) == ["The tunnel is not open"]
    assert told(TunnelStatus(closed_after_hours=8.0)) == ["The tunnel was closed"]
    assert told(TunnelStatus(closed_after_hours=8.0)) == []
