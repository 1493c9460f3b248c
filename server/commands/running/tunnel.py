"""`drawbridge tunnel`: opens and closes the tunnel to the internet, and shows its state."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any  # the fields of a JSON object

import click

from server.commands.options import settings_options, settle
from server.commands.output import columns, note, say, table
from server.commands.running.status_and_stop import running_instance
from server.errors import DrawbridgeError
from server.machine.files.paths import find_folders
from server.machine.instance import Instance, request_tunnel
from server.machine.keychain import Keychain, KeyName
from server.machine.tunnels.registry import PROVIDER_TRAITS
from server.status import TunnelStatus
from server.status_phrases import tunnel_line

# Longer than all attempts to open it and to prove it together.
OPEN_TIMEOUT_S = 300.0
_POLL_S = 0.3
_NAMES = [traits.name for traits in PROVIDER_TRAITS]
_NO_KEY = "none yet: create one with 'drawbridge keys add Cursor --listener tunnel'"
_TOKENS: Mapping[str, KeyName] = {"ngrok": "ngrok token", "cloudflared-named": "cloudflared token"}


@click.group()
def tunnel() -> None:
    """Open a public address for servers such as Cursor's, which cannot reach this computer."""


@tunnel.command("open")
@click.option(
    "--provider",
    type=click.Choice(_NAMES),
    help="The service that opens it; default: that of the settings, or the first that is ready.",
)
@click.option("--host", default="", help="Its public host name, for cloudflared-named, own and ngrok.")
@click.option("--yes", is_flag=True, help="Do not ask before requests go through a relay that can read them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@settings_options("data_dir")
def open_command(*, provider: str | None, host: str, yes: bool, as_json: bool, **flags: object) -> int:
    """Open the tunnel, and wait until requests through it arrive here."""
    instance = running_instance(settle(flags, unprefixed=False).folders)
    named = provider or request_tunnel(instance, "GET", look=False)["at_start"].replace(" ", "-")
    traits = next((one for one in PROVIDER_TRAITS if one.name == named), None)
    if traits is not None and traits.asks and not yes:
        click.confirm(f"{traits.reader} can read every request and answer. Open it?", abort=True, err=True)
    asked = {"provider": provider or "", "host": host, "agreed": traits is not None and traits.asks}
    key = request_tunnel(instance, "POST", asked).get("key")
    state = _settled(instance, note if not as_json else lambda _: None)
    if as_json:
        say(json.dumps({**state, "key": key}, indent=2))
        return 0 if state["state"] == "open" else 1
    if state["state"] != "open":
        raise _failed(state)
    say(table(_rows(state, _key(key))))
    return 0


@tunnel.command()
@settings_options("data_dir")
def close(**flags: object) -> int:
    """Close the tunnel. Its keys remain; 'drawbridge keys revoke' deletes them."""
    request_tunnel(running_instance(settle(flags, unprefixed=False).folders), "DELETE")
    note("The tunnel is closed.")
    return 0


@tunnel.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@settings_options("data_dir")
def status(*, as_json: bool, **flags: object) -> int:
    """Show the tunnel, and what each provider needs; exit code 1 if it is not open."""
    answer = request_tunnel(running_instance(settle(flags, unprefixed=False).folders), "GET")
    state: Mapping[str, Any] = answer["status"]
    if as_json:
        say(json.dumps(answer, indent=2))
    elif state["state"] == "off":
        say(tunnel_line(_status(state)))
        say(columns([_provider_row(one) for one in answer["providers"]]))
    else:
        say(table(_rows(state, ", ".join(map(repr, answer["keys"])) or _NO_KEY)))
    return 0 if state["state"] == "open" else 1


@tunnel.command()
@click.argument("provider", type=click.Choice(list(_TOKENS)))
@click.option("--remove", is_flag=True, help="Remove the stored token.")
@click.option("--file", "allow_file", is_flag=True, help="Store it in a private file if there is no keyring.")
def token(*, provider: str, remove: bool, allow_file: bool) -> int:
    """Store a provider's token, read from the standard input, in the keyring."""
    keychain = Keychain(find_folders().config, _TOKENS[provider])
    if remove:
        keychain.remove()
        note("The token was removed.")
        return 0
    given = _read().strip()
    if not given:
        raise click.UsageError("No token given. Paste it, or pipe it into this command.")
    place = keychain.store(given, allow_file=allow_file)
    note("The token is stored " + ("in the keyring." if place == "keyring" else f"in {str(keychain.file)!r}."))
    return 0


def _read() -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        given: str = click.prompt("Token", hide_input=True, err=True)
        return given
    return sys.stdin.read() if sys.stdin is not None else ""


def _settled(instance: Instance, tell: Callable[[str], None]) -> Mapping[str, Any]:
    """Waits until the tunnel is open, or will not be; tells why it takes longer."""
    deadline, told = time.monotonic() + OPEN_TIMEOUT_S, ""
    while True:
        state: Mapping[str, Any] = request_tunnel(instance, "GET", look=False)["status"]
        if state["state"] in {"open", "failed", "off"} or time.monotonic() > deadline:
            return state
        if state["problem"] and state["problem"] != told:
            told = state["problem"]
            tell(f"{told} Trying again.")
        time.sleep(_POLL_S)


def _failed(state: Mapping[str, Any]) -> DrawbridgeError:
    steps = [state["hint"], f"Run: {state['command']}" if state["command"] else "", state["link"]]
    problem = state["problem"] or "It was closed meanwhile."
    return DrawbridgeError(problem, hint=" ".join(filter(None, steps)), title="The tunnel is not open")


def _key(made: object) -> str:
    """The key that an opening has made, or the name of the one that was there."""
    if not isinstance(made, dict):
        return ""
    return f"{made['key']} (shown only now)" if made["key"] else f"the one named {made['name']!r}"


def _rows(state: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    return [
        ("tunnel", tunnel_line(_status(state))),
        ("base URL", state["base_url"]),
        ("key", key),
        ("models", "cc:opus, cc:sonnet, cc:haiku" if state["state"] == "open" else ""),
        ("can read the traffic", state["reader"] or "no one between"),
        ("problem", state["problem"] or ""),
        ("what to do", " ".join(filter(None, (state["hint"], state["command"], state["link"])))),
    ]


def _status(state: Mapping[str, Any]) -> TunnelStatus:
    return TunnelStatus(**{name: value for name, value in state.items() if name in TunnelStatus.__slots__})


def _provider_row(provider: Mapping[str, Any]) -> tuple[str, str, str]:
    needs = " ".join(filter(None, (provider["hint"], provider["command"], provider["url"])))
    return provider["name"], "ready" if provider["lacks"] is None else "not ready", needs
