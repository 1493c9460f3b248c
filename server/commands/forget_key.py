"""`drawbridge forget-key`: removes the access key from the keyring; used by uninstallers."""

import click

from server.commands.output import note
from server.machine.files.paths import find_folders
from server.machine.keychain import Keychain


@click.command("forget-key", hidden=True)
def forget_key() -> int:
    """Remove the access key from the keyring, or its file."""
    Keychain(find_folders().config).remove()
    note("The access key was removed.")
    return 0
