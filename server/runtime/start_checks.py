"""What must be true before a server listens."""

from server.config import Config
from server.errors import KeyNeeded


def check_key(config: Config) -> None:
    """Raises `KeyNeeded` if others can reach the server, and no key is set."""
    if config.api_key or (config.is_loopback and config.reach == "local"):
        return
    place = "it from containers and the network" if config.is_loopback else config.host
    raise KeyNeeded(
        f"Others can reach {place}, so an access key is required.",
        hint="Create one in the menu or set DRAWBRIDGE_API_KEY, or allow only this computer to connect.",
    )
