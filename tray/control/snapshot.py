"""The Snapshot that is shown, made of what the server says, the settings in force, and what is wrong."""

from dataclasses import replace
from datetime import datetime

from server.config import Config
from server.errors import KeyringError, KeyUnreadable, PortTaken
from server.status import State, Status
from tray.commands import Command, Open, Restart, SetPort, SignIn
from tray.control.access_key import Keys
from tray.control.settings import Settings
from tray.control.supervisor import Failure
from tray.menu.problems import problem_for
from tray.model import Fix, Problem, ReachState, Snapshot


def snapshot_for(status: Status, config: Config, *, preferences: Settings, keys: Keys, now: datetime) -> Snapshot:
    """The snapshot; what only the controller knows is added by it. `now` counts by its day."""
    return Snapshot(
        # Before the first start nobody has said it.
        status=replace(status, demo=config.demo),
        port=config.port,
        pool_size=config.pool_size,
        model=config.model,
        key=keys.state(config),
        reach=ReachState(is_open=config.reach == "lan" or not config.is_loopback, addresses=status.lan_addresses),
        pinned=pinned_for(config, preferences),
        payer=config.payer,
        now=now.replace(hour=0, minute=0, second=0, microsecond=0),
    )


def current(status: Status, now: datetime) -> Status:
    """`status` without the windows of the plan that have begun anew: how much of those is used nobody has said yet."""
    moment = now.timestamp()
    usage = tuple(window for window in status.usage if window.resets_at is None or window.resets_at > moment)
    return replace(status, usage=usage)


def pinned_for(config: Config, preferences: Settings) -> tuple[tuple[str, str], ...]:
    """What holds which setting. Who can reach us counts as the host: a named one leaves no choice."""
    pinned = dict(preferences.pinned)
    host = pinned.pop("host", "")
    if not config.is_loopback:
        pinned["host"] = host or "the settings file"
    elif holder := pinned.get("reach"):
        pinned["host"] = holder
    return tuple(pinned.items())


def current_problem(status: Status, failure: Failure | None, preferences: Settings, now: datetime) -> Problem | None:
    """What is wrong with the server, or keeps it from running."""
    if failure is None:
        return problem_for(status, now=now) if status.state is not State.STOPPED else None
    if failure.crashes:
        return problem_for(failure.error, crashes=failure.crashes, now=now)
    return problem_from_error(failure.error, preferences, now)


def problem_from_error(error: BaseException, preferences: Settings, now: datetime) -> Problem:
    """An error as a problem, with a next step that is possible here."""
    problem = problem_for(error, now=now)
    if isinstance(error, PortTaken) and (holder := preferences.holder("port")):
        return replace(problem, hint=f"{holder} names this port: start Drawbridge with another one.", fix=Fix.NOTHING)
    if isinstance(error, KeyUnreadable | KeyringError):
        return replace(problem, fix=Fix.RESTART)
    return problem


def step_for(problem: Problem | None) -> Command | None:
    """What a click on the problem line means; None: nothing."""
    steps: dict[Fix, Command | None] = {
        Fix.LOG: Open("log folder"),
        Fix.SIGN_IN: SignIn(),
        Fix.INSTALL: Open("install page"),
        Fix.NEXT_PORT: SetPort(None),
        Fix.SETTINGS: Open("settings"),
        Fix.RESTART: Restart(),
        Fix.NOTHING: None,
    }
    return steps[problem.fix] if problem is not None else None
