"""Makes the `Snapshot` that is shown from the server's status, the settings in force and the current problem."""

import math
from dataclasses import replace
from datetime import datetime

from server.errors import KeyringAsking, KeyringError, KeyUnreadable, PortTaken
from server.keys.key_book import KeyBook
from server.status import State, Status
from tray.commands import ChangeSetting, Command, Open, Restart, SetPort, SignIn
from tray.control.keys.access_key import AccessKey
from tray.control.settings.settings import Settings
from tray.control.supervisor import Failure, Server
from tray.menu.problems import crash_problem, problem_for, problem_in
from tray.model import Fix, Problem, ReachState, Snapshot

RETRIES = "Drawbridge tries again by itself."


def snapshot_for(
    status: Status, settings: Settings, access_key: AccessKey, app_keys: KeyBook, now: datetime
) -> Snapshot:
    """The snapshot without what only the controller knows."""
    config = settings.config
    return Snapshot(
        # The status lacks this before the first start.
        status=replace(status, demo=config.demo),
        port=config.port,
        pool_size=config.pool_size,
        model=config.model,
        key=access_key.state(config),
        app_keys=tuple(key.name for key in app_keys.listed()),
        reach=ReachState(is_open=config.reach == "lan" or not config.is_loopback, addresses=status.lan_addresses),
        ollama_port=config.ollama_port,
        pinned=_pinned(settings),
        payer=config.payer,
        on_extra_usage=config.on_extra_usage,
        contents_days=config.contents_days,
        tunnel_host=config.tunnel_host,
        computer_use=config.computer_use,
        computer_minutes=config.computer_minutes,
        # Whole minutes, so that the snapshot does not change with each second.
        computer_minutes_left=math.ceil(status.computer.remaining_s(now.timestamp()) / 60),
        icon=config.icon,
        now=now.replace(hour=0, minute=0, second=0, microsecond=0),
    )


def without_expired_usage(status: Status, now: datetime) -> Status:
    """`status` without the windows of the plan that have reset since: their usage is unknown until the next answer."""
    moment = now.timestamp()
    usage = tuple(window for window in status.usage if window.resets_at is None or window.resets_at > moment)
    extra = status.extra_usage
    if extra is not None and extra.resets_at is not None and extra.resets_at <= moment:
        extra = None
    return replace(status, usage=usage, extra_usage=extra)


def current_problem(status: Status, failure: Failure | None, settings: Settings, now: datetime) -> Problem | None:
    """What is wrong with the server, or keeps it from running."""
    if failure is None:
        return problem_in(status, now=now) if status.state is not State.STOPPED else None
    if failure.crashes:
        return crash_problem(failure.crashes, failure.error)
    problem = problem_from_error(failure.error, settings, now)
    return replace(problem, hint=f"{problem.hint} {RETRIES}".strip()) if failure.may_pass else problem


def problem_from_error(error: BaseException, settings: Settings, now: datetime) -> Problem:
    """An error as a problem, with a fix that is possible here."""
    problem = problem_for(error, now=now)
    if isinstance(error, PortTaken) and (source := settings.pinned_by("port")):
        return replace(problem, hint=f"{source} sets this port: start Drawbridge with another one.", fix=Fix.NOTHING)
    if isinstance(error, KeyUnreadable | KeyringError) and not isinstance(error.__cause__, KeyringAsking):
        return replace(problem, fix=Fix.RESTART)
    return problem


def server_is_moved(server: Server) -> bool:
    """Whether it listens on another port than the settings say, because that one was taken."""
    return server.listeners.moved is not None


def command_for(problem: Problem | None, title: str = "") -> Command | None:
    """The command that helps with the problem. None: nothing does, or it is not the problem `title` any more.

    An origin is allowed only by the line of the menu that says so.
    """
    if problem is None or (title and title != problem.title):
        return None
    commands: dict[Fix, Command | None] = {
        Fix.LOG: Open("log folder"),
        Fix.SIGN_IN: SignIn(),
        Fix.INSTALL: Open("install page"),
        Fix.NEXT_PORT: SetPort(None),
        Fix.SETTINGS: Open("settings"),
        Fix.RESTART: Restart(),
        Fix.ALLOW_ORIGIN: None,
        Fix.PLAN: ChangeSetting("payer", "plan"),
        # Only the line of the menu that says so allows it, since it costs money.
        Fix.EXTRA_USAGE: None,
        Fix.NOTHING: None,
    }
    return commands[problem.fix]


def _pinned(settings: Settings) -> tuple[tuple[str, str], ...]:
    """What sets which setting. A host other than loopback and a pinned `reach` both pin who can connect."""
    pinned = dict(settings.pinned)
    host = pinned.pop("host", "")
    if not settings.config.is_loopback:
        pinned["host"] = host or "the settings file"
    elif source := pinned.get("reach"):
        pinned["host"] = source
    return tuple(pinned.items())
