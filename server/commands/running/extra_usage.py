"""`drawbridge extra-usage`: whether paid extra usage answers, and going on with it."""

import click

from server.commands.options import settings_options, settle
from server.commands.output import note, say
from server.commands.running.status_and_stop import running_instance
from server.commands.running.status_rows import extra_usage_of
from server.machine.instance import request_extra_usage, request_status

_UNKNOWN = "Not known yet: only an answer that a plan has paid shows it."


@click.command("extra-usage")
@click.option("--go-on", is_flag=True, help="Go on and pay until the plan resets, although the settings say to stop.")
@settings_options("data_dir")
def extra_usage(*, go_on: bool, **flags: object) -> int:
    """Show whether requests are answered with paid extra usage because the plan is used up, or allow that."""
    instance = running_instance(settle(flags, unprefixed=False).folders)
    known = request_extra_usage(instance) if go_on else request_status(instance)
    say(extra_usage_of(known) or _UNKNOWN)
    if go_on:
        note("Requests are answered, and paid, until the plan resets.")
    return 0
