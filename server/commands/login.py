"""`drawbridge login`: Claude Code's own sign-in, in this terminal."""

import os
import subprocess

import click

from server.commands.options import settings_options, settle
from server.commands.output import note
from server.errors import CliFailed


@click.command()
@click.option("--claudeai", "payer", flag_value="--claudeai", default=None, help="Sign in with a Claude plan.")
@click.option("--console", "payer", flag_value="--console", help="Sign in with a Console account, billed per token.")
@settings_options("cli_path", "prefer_cli")
def login(payer: str | None, **flags: object) -> int:
    """Sign in to Claude Code, in the browser. Drawbridge never sees the credentials."""
    # Lazy: other commands do not need Claude Code.
    from server.claude.cli.locate import find_cli
    from server.machine.network.outbound_proxy import with_proxy
    from server.machine.processes.environment import desktop_environment

    config = settle(flags, unprefixed=True).config
    # The browser needs the folder of the user's session.
    environment = with_proxy(desktop_environment(os.environ), config.proxy)
    path = find_cli(config.cli_path, environment, newest=config.prefer_cli == "newest")
    arguments = [str(path), "auth", "login", *([payer] if payer else [])]
    try:
        # The child uses this terminal: it asks, shows a link, and takes a code.
        code = subprocess.run(arguments, env=environment, check=False).returncode
    except OSError as error:
        raise CliFailed(f"Claude Code at {str(path)!r} cannot be run: {error.strerror or error}.") from error
    if code != 0:
        note(f"Claude Code's sign-in ended with code {code}.")
        return 1
    return 0
