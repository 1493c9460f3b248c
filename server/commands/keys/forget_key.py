"""`drawbridge forget-key`: removes all keys from the keyring; used by uninstallers."""

import click

from server.commands.output import note
from server.keys.key_file import KeyFile
from server.machine.files.paths import find_folders
from server.machine.keychain import ACCESS_KEY, EMBEDDINGS_KEY, TUNNEL_TOKENS, Keychain


@click.command("forget-key", hidden=True)
def forget_key() -> int:
    """Remove the access key and the key for embeddings from the keyring, or their files, and the keys of apps."""
    KeyFile(find_folders().config).remove()
    for name in (ACCESS_KEY, EMBEDDINGS_KEY, *TUNNEL_TOKENS):
        Keychain(find_folders().config, name).remove()
    note("The access key was removed.")
    return 0
