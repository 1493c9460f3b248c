"""All tunnel providers, in the order in which they are offered."""

from collections.abc import Callable, Mapping
from pathlib import Path

from server.machine.tunnels.child import ProgramContext
from server.machine.tunnels.cloudflared import CloudflaredNamed, CloudflaredQuick
from server.machine.tunnels.ngrok_package import Ngrok, NgrokPackage
from server.machine.tunnels.ngrok_program import NgrokProgram
from server.machine.tunnels.own_address import OwnAddress
from server.machine.tunnels.provider import Provider, ProviderName, Secret, Traits
from server.machine.tunnels.ssh_relay import SshRelay
from server.machine.tunnels.tailscale import Tailscale

PROVIDER_TRAITS: tuple[Traits, ...] = (
    *(Tailscale.traits, CloudflaredQuick.traits, CloudflaredNamed.traits),
    *(Ngrok.traits, SshRelay.traits, OwnAddress.traits),
)
KNOWN_HOSTS = "tunnel-known-hosts"


def providers_for(
    context: ProgramContext, data: Path, secret_of: Callable[[ProviderName], Secret]
) -> Mapping[ProviderName, Provider]:
    """All providers. `data` is the folder for the app's data, `secret_of` reads the token stored for a provider."""
    providers: tuple[Provider, ...] = (
        Tailscale(context),
        CloudflaredQuick(context),
        CloudflaredNamed(context, secret_of("cloudflared-named")),
        Ngrok(NgrokProgram(context, secret_of("ngrok")), NgrokPackage(context, secret_of("ngrok"))),
        SshRelay(context, data / KNOWN_HOSTS),
        OwnAddress(),
    )
    return {provider.traits.name: provider for provider in providers}
