"""`drawbridge connect`: what to type into a client so that it uses the running server."""

import json
from dataclasses import dataclass, replace

import click

from server.commands.options import Settled, settings_options, settle
from server.commands.output import note, say, table
from server.config import Config
from server.connect.clients import CLIENTS, TITLES, ClientName, client_named
from server.connect.instructions import MISSING_KEY, Instructions, Setup, instructions_for
from server.errors import DrawbridgeError
from server.keys.key_book import KeyBook
from server.machine.cursor_editions import PRIVATE, find_editions
from server.machine.instance import read_instance, request_status
from server.machine.keychain import Keychain
from server.machine.network.port_owner import bracketed

_PLACES = {"keyring": "this computer's keyring", "file": "a private file in the settings folder"}


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found out: what to tell the client, where the key is from, and remarks for the user."""

    setup: Setup
    is_running: bool
    key_source: str | None
    remarks: tuple[str, ...]


@click.command()
@click.argument("client", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--paste", is_flag=True, help="Print only the lines to paste, without explanations.")
@click.option("--new-key", is_flag=True, help="Create a key of the client's own, and show it in its place.")
@settings_options(
    "data_dir",
    model="The model to show.",
    api_key="The access key to show. Other users of this computer can see command lines: use the variable instead.",
)
def connect(client: tuple[str, ...], *, as_json: bool, paste: bool, new_key: bool, **flags: object) -> int:
    """Show what to type into CLIENT, with this server's port, key and model; without CLIENT, list the clients."""
    if not client:
        say(json.dumps({name: TITLES[name] for name in CLIENTS}, indent=2) if as_json else _list())
        return 0
    name = client_named(" ".join(client))
    settled = settle(flags, unprefixed=False)
    found = _look_up(settled)
    if new_key:
        found = _with_new_key(name, found, settled)
    instructions = instructions_for(name, found.setup)
    for remark in (*found.remarks, *_about_cursor(name)):
        note(remark)
    if as_json:
        say(json.dumps(_as_json(name, found, instructions), indent=2, ensure_ascii=False))
    else:
        say((instructions.snippets[0].text if paste else instructions.text).rstrip("\n"))
    return 0


def _about_cursor(name: ClientName) -> tuple[str, ...]:
    """A remark for those who have the edition of Cursor that needs no tunnel."""
    if name != "cursor":
        return ()
    found = [edition for edition in find_editions() if edition.is_private]
    return (f"{PRIVATE} {found[0].version}".rstrip() + " is on this computer: it needs no tunnel.",) if found else ()


def _list() -> str:
    return f"{table((name, TITLES[name]) for name in CLIENTS)}\n\n'drawbridge connect NAME' shows what to type."


def _as_json(client: ClientName, found: _Found, instructions: Instructions) -> dict[str, object]:
    setup = found.setup
    return {
        "client": client,
        "title": TITLES[client],
        "running": found.is_running,
        "base_url": setup.base_url,
        "model": setup.model,
        "key_required": setup.requires_key,
        "key": setup.key,
        "key_source": found.key_source,
        "text": instructions.text,
        "snippets": [{"language": snippet.language, "text": snippet.text} for snippet in instructions.snippets],
    }


def _look_up(settled: Settled) -> _Found:
    """The address, model and key of the running server; without one, those that the settings give."""
    config = settled.config
    instance = read_instance(settled.folders.data)
    if instance is None:
        setup = Setup(_configured_url(config), config.model, requires_key=_requires_key(config))
        remark = "No server is running. These are the address and model of the settings."
    else:
        status = request_status(instance)
        is_chosen = config.source("model") == "flag"
        model = config.model if is_chosen else str(status.get("model") or config.model)
        setup = Setup(
            str(status.get("base_url") or instance.base_url), model, requires_key=status.get("key_required") is True
        )
        remark = ""
    if not setup.requires_key:
        return _Found(setup, instance is not None, None, tuple(filter(None, (remark,))))
    key, source, about_key = _key(config, Keychain(settled.folders.config))
    return _Found(replace(setup, key=key), instance is not None, source, tuple(filter(None, (remark, about_key))))


def _key(config: Config, keychain: Keychain) -> tuple[str | None, str | None, str]:
    """Returns the required key, where it is from, and a remark about it. Never raises."""
    if config.api_key is not None:
        source = f"the {config.source('api_key')}"
        return config.api_key, source, f"An access key is required. This one is from {source}: keep it secret."
    try:
        stored = keychain.find()
        missing = "none is stored"
    except DrawbridgeError as error:
        stored, missing = None, f"it cannot be read. {error.message}".rstrip(".")
    if stored is None:
        return None, None, f"An access key is required, and {missing}. Put it in the place of {MISSING_KEY}."
    source = _PLACES[stored.place]
    return stored.key, source, f"An access key is required. This one is from {source}: keep it secret."


def _with_new_key(client: ClientName, found: _Found, settled: Settled) -> _Found:
    """What was found out, with a new key for the client. Raises `DrawbridgeError` if it cannot be stored."""
    book = KeyBook(settled.folders.config)
    key, text = book.add(book.free_name(TITLES[client]))
    setup = replace(found.setup, requires_key=True, key=text)
    remark = f"This is the new key for {key.name}. It is shown only now; 'drawbridge keys' lists and revokes keys."
    # A remark about the user's own key is not about this one.
    others = () if found.setup.requires_key else found.remarks
    return replace(found, setup=setup, key_source=f"the new key for {key.name}", remarks=(*others, remark))


def _requires_key(config: Config) -> bool:
    """Whether a server with these settings requires a key of clients on this computer."""
    return config.local_key is not None or config.require_key or not config.is_loopback


def _configured_url(config: Config) -> str:
    host = config.host if config.is_loopback else "127.0.0.1"
    return f"http://{bracketed(host)}:{config.port or Config().port}/v1"
