"""What `drawbridge doctor` says of the tunnel. Never its public name: the report may be published."""

import os
from collections.abc import Mapping

from server.commands.checks.findings import Finding, Level
from server.commands.options import Settled
from server.errors import DrawbridgeError
from server.machine.instance import Instance, request_status
from server.machine.tunnels.ngrok_package import is_package_installed
from server.machine.tunnels.programs import CLOUDFLARED, NGROK, SSH, TAILSCALE, Program
from server.machine.tunnels.provider import ProviderName
from server.machine.tunnels.registry import PROVIDER_TRAITS
from server.status import TunnelStatus
from server.status_phrases import tunnel_line

_NAME = "tunnel"
_PROGRAMS: Mapping[ProviderName, Program] = {
    "tailscale": TAILSCALE,
    "cloudflared": CLOUDFLARED,
    "cloudflared-named": CLOUDFLARED,
    "ngrok": NGROK,
    "ssh": SSH,
}


def tunnel_finding(settled: Settled, instance: Instance | None) -> Finding:
    """Whether this computer can be reached from the internet, or whether the tunnel of the settings could be opened."""
    if instance is None:
        return _planned(settled)
    try:
        known = request_status(instance).get("tunnel")
    except DrawbridgeError:
        known = None
    if not isinstance(known, dict):
        return Finding(_NAME, Level.NOTE, "unknown: the server does not respond")
    status = TunnelStatus(**{name: value for name, value in known.items() if name in TunnelStatus.__slots__})
    if status.state in {"open", "off"}:
        return Finding(_NAME, Level.OK, tunnel_line(status))
    reason = f" ({status.kind})" if status.kind else ""
    return Finding(_NAME, Level.NOTE, f"{tunnel_line(status)}{reason}; 'drawbridge tunnel status' says more")


def _planned(settled: Settled) -> Finding:
    config = settled.config
    if config.tunnel == "off":
        return Finding(_NAME, Level.OK, "off")
    traits = next(one for one in PROVIDER_TRAITS if one.name == config.tunnel.replace(" ", "-"))
    program = _PROGRAMS.get(traits.name)
    is_there = program is None or program.find(os.environ) is not None
    if program is not None and not is_there and not (traits.name == "ngrok" and is_package_installed()):
        return Finding(_NAME, Level.NOTE, f"{program.name} is not installed; run: {program.install_command}")
    if traits.needs_host and not config.tunnel_host:
        return Finding(_NAME, Level.NOTE, "the setting tunnel_host is missing: the tunnel's public host name")
    return Finding(_NAME, Level.OK, f"opened at the start: {traits.title}")
