"""The command `drawbridge` with its subcommands; reports errors as plain sentences."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from server.commands.ask import ask
from server.commands.checks.doctor import doctor
from server.commands.checks.findings import CheckTray
from server.commands.connect import connect
from server.commands.keys.app_keys import keys
from server.commands.keys.embeddings_key import embeddings_key
from server.commands.keys.forget_key import forget_key
from server.commands.login import login
from server.commands.options import settings_options, settle
from server.commands.output import note, say
from server.commands.projects import projects
from server.commands.running.approvals import approvals
from server.commands.running.contents import contents
from server.commands.running.extra_usage import extra_usage
from server.commands.running.requests_and_usage import forget_requests, requests_command, stop_request, usage_command
from server.commands.running.status_and_stop import status, stop
from server.commands.running.tunnel import tunnel
from server.commands.serve import MakeRunner, Parts, RunDesktop, serve, serve_until_stopped
from server.errors import DrawbridgeError
from server.machine.version import own_version

INTERRUPTED = 130


def run(
    arguments: Sequence[str] | None = None,
    *,
    make_runner: MakeRunner | None = None,
    desktop: RunDesktop | None = None,
    tray: CheckTray | None = None,
) -> int:
    """Runs the command line and returns the exit code. Without a command it starts `desktop`, or else serves."""
    try:
        result = drawbridge.main(
            None if arguments is None else list(arguments),
            prog_name="drawbridge",
            standalone_mode=False,
            obj=Parts(make_runner, desktop, tray),
        )
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except DrawbridgeError as error:
        note(_sentence(error))
        return 1
    except BrokenPipeError:
        # The reader closed the pipe (`drawbridge ask ... | head -1`). At exit Python would report that it cannot flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return result if isinstance(result, int) else 0


def _sentence(error: DrawbridgeError) -> str:
    parts = (f"{error.title}:" if error.message != error.title else "", error.message.rstrip("."))
    return f"{' '.join(filter(None, parts))}. {error.hint}".strip()


def _show_version(context: click.Context, _: click.Parameter, wanted: object) -> None:
    if wanted and not context.resilient_parsing:
        say(f"drawbridge {own_version()}")
        context.exit()


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show version."
)
@click.option(
    "--background", is_flag=True, default=None, help="Wait longer for a tray, and open no window: for start at login."
)
@settings_options()
@click.pass_context
def drawbridge(context: click.Context, /, **flags: object) -> int | None:
    """A local server that speaks OpenAI's API and answers with Claude, through your own Claude Code sign-in.

    Without a command, starts the icon in the system tray.
    """
    given = [name for name, value in flags.items() if value is not None]
    if context.invoked_subcommand is not None:
        if given:
            names = ", ".join(f"--{name.removesuffix('_s').replace('_', '-')}" for name in given)
            raise click.UsageError(
                f"Options come after the command: drawbridge {context.invoked_subcommand} {names} ..."
            )
        return None
    parts: Parts = context.obj
    if parts.desktop is not None and not flags["reload"]:
        return parts.desktop(flags)
    return serve_until_stopped(settle(flags, unprefixed=False), parts.make_runner)


for _command in (
    *(serve, status, stop, ask, connect, login, doctor),
    *(requests_command, stop_request, usage_command, forget_requests),
    *(approvals, contents, extra_usage, keys, projects, embeddings_key, forget_key, tunnel),
):
    drawbridge.add_command(_command)
