"""Makes the menu, the tooltip and the icon's picture from a `Snapshot`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from server.connect.clients import TITLES, ClientName
from server.status import State
from server.status_phrases import LONGEST, contents_line, counted, fitted
from tray.commands import ChangeSetting, Copy, Open, Quit, Restart, SetStartAtLogin, Start, Stop
from tray.menu.account import account_and_problem, other_sign_in, payer_items
from tray.menu.app_keys import app_keys_item
from tray.menu.approvals import question_items, question_text
from tray.menu.computer import computer_item, computer_mark, session_items
from tray.menu.contents import contents_item
from tray.menu.item import SEPARATOR, Item, text_line
from tray.menu.phrases import set_by, state_line
from tray.menu.plan import plan_items
from tray.menu.settings import key_item, model_item, ollama_item, pool_size_item, port_item, reach_item
from tray.menu.tunnel import tunnel_item, tunnel_mark
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
        (
            text_line(state_line(snapshot)),
            *account_and_problem(snapshot),
            *question_items(snapshot),
            *session_items(snapshot),
        ),
        _start_stop(snapshot),
        (_page(snapshot), _base_url(snapshot), _connect(snapshot)),
        (
            *payer_items(snapshot),
            model_item(snapshot),
            pool_size_item(snapshot),
            port_item(snapshot),
            key_item(snapshot),
            app_keys_item(snapshot),
            reach_item(snapshot),
            ollama_item(snapshot),
        ),
        (
            tunnel_item(snapshot),
            contents_item(snapshot),
            *computer_item(snapshot),
            *plan_items(snapshot),
            *other_sign_in(snapshot),
            *_new_version(snapshot),
        ),
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
    """The icon's tooltip: the menu's first line, what is open or kept, who asks, and the problem or what costs."""
    problem = f". {snapshot.problem.title}" if snapshot.problem is not None else ""
    extra = snapshot.status.extra_usage
    if not problem and extra is not None and extra.state == "in use":
        problem = ". Paid extra usage is in use"
    asks = f". {question}" if (question := question_text(snapshot.status)) else ""
    uses = f". {mark}" if (mark := computer_mark(snapshot.status.computer)) else ""
    is_public = f". {mark}" if (mark := tunnel_mark(snapshot.status.tunnel)) else ""
    keeps = f". {contents}" if (contents := contents_line(snapshot.status.contents, snapshot.now)) else ""
    return fitted(
        f"Drawbridge: {fitted(state_line(snapshot))}{uses}{asks}{is_public}{keeps}{problem}", _TOOLTIP_LONGEST
    )


def picture_for(snapshot: Snapshot) -> Picture:
    """What the icon shows: Claude's use of the desktop before a problem, a question, an open tunnel and traffic."""
    match snapshot.status.state:
        case State.STARTING | State.STOPPING:
            return Picture.HALF
        case State.FAILED:
            return Picture.CROSS
        case State.STOPPED:
            return Picture.RAISED if snapshot.problem is None else Picture.CROSS
        case State.RUNNING:
            if snapshot.status.computer.is_on:
                return Picture.POINTER
            if snapshot.problem is not None or snapshot.status.approvals.waiting:
                return Picture.WARNING
            if tunnel_mark(snapshot.status.tunnel):
                return Picture.PUBLIC_TRAFFIC if snapshot.status.pool.answering else Picture.PUBLIC
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


def _connect(snapshot: Snapshot) -> Item:
    is_running = snapshot.status.state is State.RUNNING
    return Item(
        "Connect an app",
        items=(
            Item("Step by step...", Open("connect"), enabled=is_running),
            SEPARATOR,
            text_line("Or click to copy its settings"),
            *(Item(TITLES[client], Copy(client)) for client in _CLIENTS),
            SEPARATOR,
            text_line("Cursor needs a public address: open a tunnel"),
        ),
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
