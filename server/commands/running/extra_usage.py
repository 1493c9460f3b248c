"""`drawbridge extra-usage`: whether paid extra usage answers, going on with it, and stopping again."""

import click

from server.commands.options import settings_options, settle
from server.commands.output import note, say
from server.commands.running.status_and_stop import running_instance
from server.commands.running.status_rows import extra_usage_of
from server.machine.instance import request_extra_usage, request_status

_UNKNOWN = "Not known yet: only an answer that a plan has paid shows it."


@click.command("extra-usage")
@click.option(
    "--go-on/--stop",
    default=None,
    help="Go on and pay until the plan resets, although the settings say to stop; or stop again.",
)
@settings_options("data_dir")
def extra_usage(*, go_on: bool | None, **flags: object) -> int:
    """Show whether paid extra usage answers while the plan is used up; go on with it, or stop again."""
    instance = running_instance(settle(flags, unprefixed=False).folders)
    known = request_status(instance) if go_on is None else request_extra_usage(instance, is_allowed=go_on)
    say(extra_usage_of(known) or _UNKNOWN)
    if go_on:
        note("Requests are answered, and paid, until the plan resets.")
    elif go_on is False:
        note("Requests are refused while the plan is used up, if the setting on_extra_usage is 'stop'.")
    return 0
