"""`drawbridge forget-key`: the access key is gone from the keyring; what removes Drawbridge asks for it."""

import click

from server.commands.output import note
from server.machine.keychain import Keychain
from server.machine.paths import find_folders


@click.command("forget-key", hidden=True)
def forget_key() -> int:
    """Remove the access key from the keyring, or its file."""
    Keychain(find_folders().config).remove()
    note("Drawbridge keeps no access key now.")
    return 0
