"""`drawbridge doctor` about the tunnel."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from server.commands.checks import tunnel
from server.commands.checks.findings import Level
from server.commands.checks.tunnel import tunnel_finding
from server.commands.options import settle
from server.machine.instance import Instance
from server.machine.tunnels.programs import Program

INSTANCE = Instance(5, "127.0.0.1", 1, "t", "1", "http://127.0.0.1:1/v1")
URL = "https://node.tail1234.ts.net"
OPEN = {"state": "open", "title": "Tailscale Funnel", "url": URL, "base_url": f"{URL}/v1", "of_tomorrow": 1}
FAILED = {"state": "failed", "title": "ngrok", "kind": "sign in", "problem": f"{URL} does not lead here."}
CLOSED = {"state": "off", "closed_after_hours": 8.0}


@pytest.mark.parametrize(
    ("known", "level", "text"),
    [
        ({"state": "off"}, Level.OK, "Off"),
        (CLOSED, Level.OK, "Closed: not used for 8 hours"),
        (OPEN, Level.OK, "Open through Tailscale Funnel"),
        (FAILED, Level.NOTE, "Not open: ngrok (sign in); 'drawbridge tunnel status' says more"),
        (None, Level.NOTE, "unknown: the server does not respond"),
    ],
)
@pytest.mark.usefixtures("home")
def test_doctor_tells_the_state_of_a_running_server_without_the_public_name(
    monkeypatch: pytest.MonkeyPatch, known: object, level: Level, text: str
) -> None:
    monkeypatch.setattr(tunnel, "request_status", lambda _: {"tunnel": known})
    found = tunnel_finding(settle({}, unprefixed=False), INSTANCE)
    assert (found.name, found.level, found.text) == ("tunnel", level, text)
    assert "ts.net" not in json.dumps(found.text)


@pytest.mark.parametrize(
    ("written", "is_installed", "level", "text"),
    [
        ("", False, Level.OK, "off"),
        ('tunnel = "tailscale"', True, Level.OK, "opened at the start: Tailscale Funnel"),
        ('tunnel = "cloudflared"', False, Level.NOTE, "cloudflared is not installed; run: "),
        ('tunnel = "own"', False, Level.NOTE, "the setting tunnel_host is missing"),
        ('tunnel = "own"\ntunnel_host = "claude.example.org"', False, Level.OK, "opened at the start: An address"),
    ],
)
def test_doctor_tells_whether_the_tunnel_of_the_settings_could_open(
    settings: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    is_installed: bool,
    level: Level,
    text: str,
) -> None:
    settings(f"{written}\n")
    monkeypatch.setattr(Program, "find", lambda *_: Path("/bin/true") if is_installed else None)
    found = tunnel_finding(settle({}, unprefixed=False), None)
    assert found.level is level
    assert found.text.startswith(text)
