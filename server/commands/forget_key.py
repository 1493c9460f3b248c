"""`drawbridge forget-key`: removes all keys from the keyring; used by uninstallers."""

import click

from server.commands.output import note
from server.machine.files.paths import find_folders
from server.machine.keychain import ACCESS_KEY, EMBEDDINGS_KEY, Keychain


@click.command("forget-key", hidden=True)
def forget_key() -> int:
    """Remove the access key and the key for embeddings from the keyring, or their files."""
    for name in (ACCESS_KEY, EMBEDDINGS_KEY):
        Keychain(find_folders().config, name).remove()
    note("The access key was removed.")
    return 0
