"""Makes the menu, the tooltip and the icon's picture from a `Snapshot`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from server.connect.clients import TITLES, ClientName
from server.status import State
from server.status_phrases import LONGEST, counted, fitted, usage_line
from tray.commands import ChangeSetting, Copy, Open, Quit, Restart, SetStartAtLogin, Start, Stop
from tray.menu.account import account_and_problem, other_sign_in, payer_items
from tray.menu.item import SEPARATOR, Item, text_line
from tray.menu.phrases import set_by, state_line
from tray.menu.settings import key_item, model_item, ollama_item, pool_size_item, port_item, reach_item
from tray.model import Picture, Snapshot

# The apps whose settings are one text to paste. `drawbridge connect` and the manual have all clients.
_CLIENTS: tuple[ClientName, ...] = (
    *("talon", "cline", "continue", "open-webui", "codex", "claude-code", "opencode", "jetbrains", "curl"),
)
# Windows cuts longer tooltips.
_TOOLTIP_LONGEST = 127


def menu_for(snapshot: Snapshot) -> tuple[Item, ...]:
    """The whole menu, with short lines and no two equal siblings."""
    groups = (
        (text_line(state_line(snapshot)), *account_and_problem(snapshot)),
        _start_stop(snapshot),
        (_page(snapshot), _base_url(snapshot), _connect()),
        (
            *payer_items(snapshot),
            model_item(snapshot),
            pool_size_item(snapshot),
            port_item(snapshot),
            key_item(snapshot),
            reach_item(snapshot),
            ollama_item(snapshot),
        ),
        (*_usage(snapshot), *other_sign_in(snapshot), *_new_version(snapshot)),
        (
            _start_at_login(snapshot),
            Item("Open log folder", Open("log folder")),
            Item("Copy diagnostics", Copy("diagnostics")),
            _about(snapshot),
        ),
        (_quit(snapshot),),
    )
    return tuple(_fitted_apart(_with_separators(groups)))


def tooltip_for(snapshot: Snapshot) -> str:
    """The icon's tooltip: the menu's first line and the problem."""
    problem = f". {snapshot.problem.title}" if snapshot.problem is not None else ""
    return fitted(f"Drawbridge: {fitted(state_line(snapshot))}{problem}", _TOOLTIP_LONGEST)


def picture_for(snapshot: Snapshot) -> Picture:
    """What the icon shows; a problem comes before traffic."""
    match snapshot.status.state:
        case State.STARTING | State.STOPPING:
            return Picture.HALF
        case State.FAILED:
            return Picture.CROSS
        case State.STOPPED:
            return Picture.RAISED if snapshot.problem is None else Picture.CROSS
        case State.RUNNING:
            if snapshot.problem is not None:
                return Picture.WARNING
            return Picture.TRAFFIC if snapshot.status.pool.answering else Picture.LOWERED
        case _:
            assert_never(snapshot.status.state)


def _start_stop(snapshot: Snapshot) -> tuple[Item, ...]:
    """Start, stop and restart, enabled where the state allows it."""
    state = State.STOPPING if snapshot.is_quitting else snapshot.status.state
    return (
        Item("Start", Start(), enabled=state in {State.STOPPED, State.FAILED}),
        Item("Stop", Stop(), enabled=state in {State.STARTING, State.RUNNING}),
        Item("Restart", Restart(), enabled=state is State.RUNNING),
    )


def _page(snapshot: Snapshot) -> Item:
    return Item("Open dashboard", Open("page"), enabled=snapshot.status.state is State.RUNNING)


def _base_url(snapshot: Snapshot) -> Item:
    return Item(f"Copy base URL ({snapshot.base_url})", Copy("base url"))


def _connect() -> Item:
    return Item(
        "Connect an app",
        items=(
            text_line("Click to copy its settings"),
            *(Item(TITLES[client], Copy(client)) for client in _CLIENTS),
            SEPARATOR,
            text_line("Cursor needs a public address (a tunnel)"),
        ),
    )


def _usage(snapshot: Snapshot) -> Iterator[Item]:
    if snapshot.status.usage:
        yield Item(
            "Plan usage", items=tuple(text_line(usage_line(window, snapshot.now)) for window in snapshot.status.usage)
        )


def _new_version(snapshot: Snapshot) -> Iterator[Item]:
    if snapshot.new_version:
        yield Item(f"Version {snapshot.new_version} is available...", Open("release page"))


def _start_at_login(snapshot: Snapshot) -> Item:
    starts = snapshot.starts_at_login
    if starts is None:
        return text_line("Start at login (not available here)")
    return Item("Start at login", SetStartAtLogin(not starts), starts)


def _about(snapshot: Snapshot) -> Item:
    claude = snapshot.status.cli.version
    return Item(
        "About",
        items=(
            text_line(f"Drawbridge {snapshot.version}".rstrip()),
            text_line(f"Claude Code {claude}" if claude else "Claude Code: not found yet"),
            *((Item("Project page", Open("project page")),) if snapshot.has_project_page else ()),
            _check_updates(snapshot),
            SEPARATOR,
            text_line("Drawbridge is free software under the MIT licence"),
            text_line("Its tray icon uses pystray, under the LGPL 3"),
            text_line("Claude Code is under Anthropic's own terms"),
        ),
    )


def _check_updates(snapshot: Snapshot) -> Item:
    """The switch for the update check, or why there is none."""
    checks = snapshot.checks_updates
    if checks is None:
        return text_line(snapshot.no_update_check or "Updates come from your system's package manager")
    if pinned := set_by(snapshot, "check_updates"):
        return text_line(f"Check for updates: {'yes' if checks else 'no'}{pinned}")
    return Item("Check for updates once a day", ChangeSetting("check_updates", not checks), checks)


def _quit(snapshot: Snapshot) -> Item:
    answers = snapshot.status.pool.answering
    in_progress = f" ({counted(answers, 'answer')} in progress)" if answers else ""
    return Item(f"Quit{' now' if snapshot.is_quitting else ''}{in_progress}", Quit())


def _with_separators(groups: Iterable[Iterable[Item]]) -> Iterator[Item]:
    """The groups with separators between them, without the empty ones."""
    is_first = True
    for group in map(tuple, groups):
        if group and not is_first:
            yield SEPARATOR
        yield from group
        is_first = is_first and not group


def _fitted_apart(items: Iterable[Item]) -> Iterator[Item]:
    """Cuts long lines and numbers equal siblings: names and addresses come from other programs."""
    seen: set[str] = set()
    for item in items:
        if item == SEPARATOR:
            yield item
            continue
        text, number = fitted(item.text) or "?", 1
        while text in seen:
            number += 1
            text = f"{fitted(item.text, LONGEST - 5) or '?'} ({number})"
        seen.add(text)
        yield replace(item, text=text, items=tuple(_fitted_apart(item.items)))
