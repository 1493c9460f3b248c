"""`drawbridge embeddings-key`: stores the key of the endpoint that `embeddings_url` names, beside the access key."""

import sys

import click

from server.commands.output import note
from server.machine.files.paths import find_folders
from server.machine.keychain import EMBEDDINGS_KEY, Keychain


@click.command("embeddings-key")
@click.option("--remove", is_flag=True, help="Remove the stored key.")
@click.option("--file", "allow_file", is_flag=True, help="Store it in a private file if there is no keyring.")
def embeddings_key(*, remove: bool, allow_file: bool) -> int:
    """Store the key for another endpoint's embeddings, read from the standard input, in the keyring."""
    keychain = Keychain(find_folders().config, EMBEDDINGS_KEY)
    if remove:
        keychain.remove()
        note("The key for embeddings was removed.")
        return 0
    key = _read().strip()
    if not key:
        raise click.UsageError("No key given. Paste it, or pipe it into this command.")
    place = keychain.store(key, allow_file=allow_file)
    where = "in the keyring" if place == "keyring" else f"in the private file {str(keychain.file)!r}"
    note(f"The key for embeddings is stored {where}. A server that already used another one has to be restarted.")
    return 0


def _read() -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        key: str = click.prompt("Key", hide_input=True, err=True)
        return key
    return sys.stdin.read() if sys.stdin is not None else ""
