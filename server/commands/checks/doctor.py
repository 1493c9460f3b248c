"""`drawbridge doctor`: checks everything Drawbridge needs on this computer."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import click

from server.commands.checks.findings import CheckTray, Finding, Level
from server.commands.options import Settled, settings_options, settle
from server.commands.output import say, table
from server.errors import DrawbridgeError, KeyUnreadable
from server.keys.key_file import KeyFile
from server.machine.files.paths import find_folders
from server.machine.instance import Instance, read_instance, request_status
from server.machine.keychain import Keychain, resolve_key
from server.machine.network.port_owner import bracketed
from server.machine.version import own_version
from server.status import AccountStatus, OllamaStatus

_OF_THE_PROGRAM = frozenset({"Drawbridge", "settings", "Claude Code", "data folder", "log folder", "tray"})


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--self-test", is_flag=True, help="Also start this program in demo mode and ask it a question.")
@settings_options("host", "port", "api_key", "cli_path", "prefer_cli", "log_dir", "data_dir", "demo")
@click.pass_context
def doctor(context: click.Context, /, *, as_json: bool, self_test: bool, **flags: object) -> int:
    """Check what Drawbridge needs; exit code 1 if something is missing."""
    found = find_all(flags, tray=getattr(context.obj, "tray", None))
    findings = list(_tested(found, flags) if self_test else found)
    if as_json:
        rows = [{"name": found.name, "verdict": found.level.value, "words": found.text} for found in findings]
        say(json.dumps(rows, indent=2))
    else:
        say(table((f"{found.level.value:<8}{found.name}", found.text) for found in findings))
    return 1 if any(found.level is Level.MISSING for found in findings) else 0


def _tested(found: Iterator[Finding], flags: Mapping[str, object]) -> Iterator[Finding]:
    """Keeps the findings about the program itself (not account and port) and adds the self-test."""
    # Lazy: only for --self-test.
    from server.commands.checks.selftest import self_test

    yield from (one for one in found if one.name in _OF_THE_PROGRAM)
    yield from self_test(str(flags.get("cli_path") or ""))


def find_all(
    flags: Mapping[str, object], *, unprefixed: bool = True, tray: CheckTray | None = None
) -> Iterator[Finding]:
    """Runs all checks in order. `unprefixed` as in `settle`; `tray` is the desktop app's check, if it is there."""
    yield Finding("Drawbridge", Level.OK, f"{own_version()}, Python {sys.version.split()[0]} on {sys.platform}")
    path = find_folders().settings_file
    try:
        settled = settle(flags, unprefixed=unprefixed)
    except DrawbridgeError as error:
        yield Finding("settings", Level.MISSING, str(error))
        return
    yield _settings(settled, path)
    if own := _own_variables(settled):
        # Lazy, as below.
        from server.status_phrases import own_address_line

        yield Finding("environment", Level.NOTE, own_address_line(own))
    yield from _claude(settled)
    yield _folder("data folder", settled.folders.data)
    yield _folder("log folder", settled.folders.logs)
    yield from _ports(settled)
    yield _tunnel(settled)
    yield _keyring(settled)
    yield _app_keys(settled)
    yield _embeddings(settled)
    yield tray() if tray is not None else Finding("tray", Level.NOTE, "this is the server only, without an icon")


def _own_variables(settled: Settled) -> tuple[str, ...]:
    """The variables that point at the running server, or at where it would listen."""
    # Lazy: only this command uses them without a server.
    from server.machine.network.outbound_proxy import with_proxy
    from server.machine.network.own_address import own_variables

    instance = read_instance(settled.folders.data)
    host, port = (instance.host, instance.port) if instance else (settled.config.host, settled.config.port)
    return own_variables(with_proxy(os.environ, settled.config.proxy), (f"{bracketed(host)}:{port}",))


def _settings(settled: Settled, path: Path) -> Finding:
    if settled.notices:
        return Finding("settings", Level.NOTE, " ".join(settled.notices))
    return Finding("settings", Level.OK, f"{path}{'' if path.exists() else ' (does not exist: defaults)'}")


def _claude(settled: Settled) -> Iterator[Finding]:
    # Lazy: only this command uses Claude Code without a server.
    import asyncio

    from server.claude.cli.account import account_status
    from server.claude.cli.locate import find_cli, why_this_cli
    from server.claude.cli.versions import cli_version
    from server.machine.billing import environment_for, with_required_payer
    from server.machine.network.outbound_proxy import with_proxy
    from server.machine.network.own_address import without_own_address
    from server.machine.processes.environment import clean_environment

    config = settled.config
    environment = environment_for(
        config.payer,
        without_own_address(with_proxy(clean_environment(os.environ), config.proxy), _own_variables(settled)),
    )
    try:
        path = find_cli(config.cli_path, environment, newest=config.prefer_cli == "newest")
        version = asyncio.run(cli_version(path, environment))
    except DrawbridgeError as error:
        yield Finding("Claude Code", Level.MISSING, str(error))
        return
    is_newest = config.prefer_cli == "newest"
    yield Finding(
        "Claude Code", Level.OK, f"{version} {path} ({why_this_cli(path, config.cli_path, newest=is_newest)})"
    )
    if sys.platform == "win32":
        yield git_bash_finding(environment)
    yield _self_check(settled, path, version)
    yield from _models(settled)
    if config.aliases:
        yield _aliases(settled)
    try:
        account = with_required_payer(config.payer, asyncio.run(account_status(path, environment)))
        account = account if config.demo else _as_server_knows(account, settled)
        yield _account(account, is_demo=config.demo)
    except DrawbridgeError as error:
        yield Finding("account", Level.MISSING, str(error))


def git_bash_finding(environment: Mapping[str, str]) -> Finding:
    """Checks for Git Bash, which Claude Code may need on Windows."""
    # Lazy, as above.
    from server.claude.cli.git_bash import DOWNLOAD, VARIABLE, find_git_bash

    path = find_git_bash(environment)
    if path is not None:
        return Finding("Git Bash", Level.OK, path)
    if named := environment.get(VARIABLE):
        return Finding("Git Bash", Level.MISSING, f"{VARIABLE} names {named!r}, which does not exist; correct it")
    text = f"not found, and Claude Code may need it on Windows; install Git from {DOWNLOAD}, or set {VARIABLE}"
    return Finding("Git Bash", Level.NOTE, text)


def _self_check(settled: Settled, cli: Path, version: str) -> Finding:
    """The stored result of the server's self-check of this Claude Code."""
    # Lazy, as above.
    from server.claude.cli.locate import bundled_cli
    from server.selfcheck.fallback import stored_serving_mode
    from server.selfcheck.store import STORE_FILE, ResultStore

    mode = stored_serving_mode(ResultStore(settled.folders.data / STORE_FILE), cli, version, bundled=bundled_cli())
    if mode is None:
        return Finding(
            "self-check", Level.NOTE, "not done yet for this Claude Code; the server does it once, when it runs"
        )
    if mode.error is not None:
        return Finding("self-check", Level.MISSING, str(mode.error))
    if mode.summary:
        return Finding("self-check", Level.NOTE, mode.summary)
    return Finding("self-check", Level.OK, "this Claude Code passed")


def _models(settled: Settled) -> Iterator[Finding]:
    """The settings that name a model which Claude does not have."""
    # Lazy, as above.
    from server.answering.model_routing import unknown_models
    from server.claude.cli.models import ModelCache

    cards = ModelCache(settled.folders.data / "models.json").cards
    for setting, name in unknown_models(cards, settled.config).items():
        yield Finding(setting, Level.NOTE, f"Claude has no model {name!r}")


def _aliases(settled: Settled) -> Finding:
    """The user's own names for models, and which of them Claude's models hide or lack."""
    # Lazy, as above.
    from server.answering.model_routing import alias_problems
    from server.claude.cli.models import ModelCache

    config = settled.config
    text = ", ".join(
        f"{alias.name} = {alias.model}{f' ({alias.effort} effort)' if alias.effort else ''}" for alias in config.aliases
    )
    cards = ModelCache(settled.folders.data / "models.json").cards
    wrong = alias_problems(cards, config)
    return Finding("aliases", Level.NOTE if wrong else Level.OK, "; ".join([text, *wrong]))


def _as_server_knows(account: AccountStatus, settled: Settled) -> AccountStatus:
    """Returns `account` as the running server knows it; Claude Code reports a rejected sign-in as valid."""
    instance = read_instance(settled.folders.data)
    try:
        known = None if instance is None else request_status(instance).get("account")
    except DrawbridgeError:
        return account
    if not account.signed_in or not isinstance(known, dict):
        return account
    if known.get("refused") and known.get("payer") == account.payer:
        return replace(account, refused=str(known["refused"]), cure=str(known.get("cure")))
    is_refused = known.get("signed_in") is False and known.get("payer") == account.payer
    return replace(account, signed_in=False, detail=str(known.get("detail"))) if is_refused else account


def _account(account: AccountStatus, *, is_demo: bool) -> Finding:
    if account.signed_in and account.payer == "nobody" and not is_demo:
        # Lazy, as above.
        from server.machine.billing import NO_KEY_HINT

        return Finding("account", Level.MISSING, f"{account.detail}. {NO_KEY_HINT}")
    if account.refused:
        return Finding("account", Level.MISSING, f"{account.detail}; {account.refused}. {account.cure}")
    if account.signed_in:
        return Finding("account", Level.OK, f"{account.detail} ({account.payer})")
    if is_demo:
        return Finding("account", Level.NOTE, "not signed in; a demo does not need it")
    if account.payer != "nobody":
        # Claude rejects it.
        return Finding("account", Level.MISSING, f"{account.detail}; run 'drawbridge login'")
    return Finding("account", Level.MISSING, "not signed in to Claude; run 'drawbridge login'")


def _folder(name: str, folder: Path) -> Finding:
    """Whether `folder` can be written or created, judged by its nearest existing parent."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return Finding(name, Level.OK, f"{folder}{'' if folder.exists() else ' (will be created)'}")
    except OSError as error:
        return Finding(name, Level.MISSING, f"{folder} cannot be written: {error.strerror}")


def _ports(settled: Settled) -> Iterator[Finding]:
    """The server's port and Ollama's: of the running server, or what a server would get."""
    # Lazy: it imports psutil.
    from server.machine.network.sockets import open_listeners

    instance = read_instance(settled.folders.data)
    if instance is not None:
        yield Finding("port", Level.OK, f"Drawbridge is running at {instance.base_url} (pid {instance.pid})")
        yield _ollama_port(_running_ollama(instance))
        return
    try:
        listeners = open_listeners(settled.config)
    except DrawbridgeError as error:
        yield Finding("port", Level.MISSING, str(error))
        return
    listeners.close()
    own = [address for address in listeners.addresses if address not in listeners.ollama_addresses]
    # A taken default port is not a problem: the server uses the next one.
    yield Finding("port", Level.NOTE if listeners.moved else Level.OK, listeners.moved or f"{', '.join(own)} free")
    yield _ollama_port(OllamaStatus(listeners.ollama_addresses, listeners.ollama_refused), is_running=False)


def _ollama_port(ollama: OllamaStatus | None, *, is_running: bool = True) -> Finding:
    """Whether apps that only know Ollama are answered."""
    # Lazy, as above.
    from server.status_phrases import ollama_line

    if ollama is None:
        return Finding("Ollama port", Level.NOTE, "unknown: the server does not respond")
    if ollama.addresses and not is_running:
        return Finding("Ollama port", Level.OK, f"{', '.join(ollama.addresses)} free")
    return Finding("Ollama port", Level.NOTE if ollama.refused else Level.OK, ollama_line(ollama))


def _running_ollama(instance: Instance) -> OllamaStatus | None:
    """What the running server says of Ollama's port; None if it does not respond, or is of an older version."""
    try:
        known = request_status(instance).get("ollama")
    except DrawbridgeError:
        return None
    if not isinstance(known, dict):
        return None
    refused, addresses = known.get("refused"), known.get("addresses")
    return OllamaStatus(
        tuple(map(str, addresses)) if isinstance(addresses, list) else (), str(refused) if refused else None
    )


def _tunnel(settled: Settled) -> Finding:
    # Lazy, as above.
    from server.commands.checks.tunnel import tunnel_finding

    return tunnel_finding(settled, read_instance(settled.folders.data))


def _keyring(settled: Settled) -> Finding:
    """The keyring's name and whether it works, and where the key is stored. Never the key itself."""
    keychain = Keychain(settled.folders.config)
    try:
        key = resolve_key(settled.config, keychain)
    except KeyUnreadable as error:
        return Finding("keyring", Level.MISSING, str(error))
    state, place = _keyring_state(keychain), _key_place(settled, keychain)
    if key is not None and settled.config.api_key is None:
        place += " and required"
    return Finding("keyring", Level.OK if state.startswith("works") else Level.NOTE, f"{state}; {place}")


def _app_keys(settled: Settled) -> Finding:
    """How many apps have keys of their own. Never the keys themselves."""
    try:
        count = len(KeyFile(settled.folders.config).read())
    except DrawbridgeError as error:
        return Finding("keys of apps", Level.NOTE, str(error))
    return Finding("keys of apps", Level.OK, str(count) if count else "none")


def _embeddings(settled: Settled) -> Finding:
    """What computes embeddings."""
    # Lazy, as above.
    from server.embeddings.endpoint import endpoint_url
    from server.embeddings.install import PACKAGE, install_hint, is_installed
    from server.embeddings.post import origin

    if settled.config.embeddings_url:
        return Finding("embeddings", Level.OK, f"by {origin(endpoint_url(settled.config.embeddings_url))}")
    if is_installed():
        return Finding("embeddings", Level.OK, f"by the local model ({PACKAGE})")
    return Finding("embeddings", Level.NOTE, f"not installed. {install_hint()}")


def _keyring_state(keychain: Keychain) -> str:
    match keychain.probe():
        case "keyring":
            return f"works ({keychain.name()})"
        case "locked":
            return "locked, or waiting for its password"
        case "none":
            return "none on this system: an access key is stored in a private file, or set as DRAWBRIDGE_API_KEY"


def _key_place(settled: Settled, keychain: Keychain) -> str:
    if settled.config.api_key is not None:
        return f"the access key comes from a {settled.config.source('api_key')}"
    try:
        stored = keychain.find()
    except DrawbridgeError:
        return "whether it has an access key is unknown"
    if stored is None:
        return "no access key is stored"
    return "the access key is in it" if stored.place == "keyring" else f"the access key is in {str(keychain.file)!r}"
