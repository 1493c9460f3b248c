"""Makes the menu, the tooltip and the icon's picture from a `Snapshot`; its functions stand in the menu's order."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never, get_args

from server.status import ModelName, SignInAccount, State
from server.status_phrases import LONGEST, account_line, counted, fitted, usage_line
from tray.commands import (
    ActOnProblem,
    AllowKeyFile,
    AllowOrigin,
    CancelSignIn,
    ChangeSetting,
    ClientApp,
    Command,
    Copy,
    CopyAddress,
    CopyKey,
    NewKey,
    Open,
    Quit,
    RemoveKey,
    RequireKey,
    Restart,
    SetPort,
    SetReach,
    SetStartAtLogin,
    SignIn,
    Start,
    Stop,
)
from tray.menu.client_setup import name_of
from tray.menu.item import SEPARATOR, Item
from tray.menu.phrases import key_line, port_of, state_line
from tray.model import POOL_SIZES, PORT_PRESETS, Fix, KeyPlace, Picture, Problem, Snapshot

CLAUDES_DEFAULT = "default"
# Why a port is offered: apps may have it as the default of the server that they usually talk to.
_PORT_USES = {8082: " (the default)", 8080: " (llama.cpp's)", 11434: " (Ollama's)", 4000: " (LiteLLM's)"}
_PAYERS = {"api key": "the API key", "plan": "the Claude plan"}
_KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
# Windows cuts longer tooltips.
_TOOLTIP_LONGEST = 127
# The line below a problem that names its fix.
_FIXES = {
    Fix.LOG: "See what happened in the log",
    Fix.INSTALL: "Install Claude Code...",
    Fix.NEXT_PORT: "Use the next free port",
    Fix.SETTINGS: "Open the settings file",
    Fix.RESTART: "Try again",
    Fix.ALLOW_ORIGIN: "Allow that page",
    Fix.PLAN: "Use the Claude plan",
    Fix.SIGN_IN: "Sign in to Claude...",
}


def menu_for(snapshot: Snapshot) -> tuple[Item, ...]:
    """The whole menu, with short lines and no two equal siblings."""
    groups = (
        (_line(state_line(snapshot)), *_account_and_problem(snapshot)),
        _start_stop(snapshot),
        (_page(snapshot), _base_url(snapshot), _connect()),
        (
            *_payer(snapshot),
            _model(snapshot),
            _pool_size(snapshot),
            _port(snapshot),
            _key(snapshot),
            _reach(snapshot),
        ),
        (*_usage(snapshot), *_sign_in(snapshot), *_new_version(snapshot)),
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


def _line(text: str) -> Item:
    """A line of text. An empty one would be a separator."""
    return Item(text or "?", enabled=False)


def _account_and_problem(snapshot: Snapshot) -> tuple[Item, Item]:
    """The account or what is wrong, then what helps: always two lines, so that a problem moves no other line."""
    problem, account = snapshot.problem, snapshot.status.account
    who = _line(_account_text(snapshot))
    what = who if problem is None else _line(problem.title)
    if snapshot.signing_in is not None:
        return what, _signing_in(snapshot.signing_in)
    if problem is None:
        needs_start = account.signed_in is False and not snapshot.status.demo
        return what, _line("Start the server to sign in" if needs_start else "No problems")
    if problem.fix is Fix.NOTHING:
        return what, who
    return what, Item(_FIXES[problem.fix], _fix_for(problem))


def _signing_in(account: SignInAccount) -> Item:
    """Claude Code prints an address too, but the page behind that one shows a code that only a terminal can take."""
    return Item(
        "Signing in: finish in your browser",
        items=(
            Item("Open the sign-in page again", SignIn(account)),
            Item("Cancel signing in", CancelSignIn()),
            SEPARATOR,
            _line("No browser? Run 'drawbridge login' in a terminal"),
        ),
    )


def _account_text(snapshot: Snapshot) -> str:
    account, is_demo = snapshot.status.account, snapshot.status.demo
    if snapshot.has_exported_key and account.payer == "api key" and not is_demo:
        return f"Billed per token to {_key_variable(snapshot)}"
    return account_line(account, demo=is_demo)


def _key_variable(snapshot: Snapshot) -> str:
    """The variable with the exported API key."""
    return next((name for name in _KEY_VARIABLES if name in snapshot.status.account.detail), _KEY_VARIABLES[0])


def _fix_for(problem: Problem) -> Command:
    match problem.fix:
        case Fix.SIGN_IN:
            return SignIn()
        case Fix.ALLOW_ORIGIN:
            # Only the line that says so allows it: the page may be an attacker's.
            return AllowOrigin(problem.subject)
        case _:
            return ActOnProblem(problem.title)


def _payer(snapshot: Snapshot) -> Iterator[Item]:
    """Claude Code prefers an exported API key to the plan without asking, so then the choice is here."""
    account = snapshot.status.account
    if not snapshot.has_exported_key or snapshot.status.demo:
        return
    source = dict(snapshot.pinned).get("payer")

    def choice(text: str, payer: str) -> Item:
        command = ChangeSetting("payer", payer)
        return Item(text, command, snapshot.payer == payer, radio=True, enabled=not source)

    lines = (
        _line(f"Found {_key_variable(snapshot)} in your environment"),
        *((_line(f"Payer set by {source}"),) if source else ()),
    )
    choices = (
        choice("Use the Claude plan", "plan"),
        choice("Use the API key (billed per token)", "api key"),
        choice("Let Claude Code choose (now: the API key)", "automatic"),
    )
    yield Item(f"Who pays: {_PAYERS.get(account.payer, account.payer)}", items=(*lines, *choices))


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
            _line("Click to copy its settings"),
            *(Item(name_of(app), Copy(app)) for app in get_args(ClientApp)),
            SEPARATOR,
            _line("Cursor needs a public address (a tunnel)"),
        ),
    )


def _set_by(snapshot: Snapshot, setting: str) -> str:
    """What pins the setting, as in " (set by POOL_SIZE)"; empty if the user may change it."""
    source = dict(snapshot.pinned).get(setting)
    return f" (set by {source})" if source else ""


def _model(snapshot: Snapshot) -> Item:
    if pinned := _set_by(snapshot, "model"):
        return _line(f"Default model: {_model_name(snapshot)}{pinned}")
    listed = [model for model in snapshot.status.models if model.id.strip() and model.id != CLAUDES_DEFAULT]
    models = [*listed, ModelName(CLAUDES_DEFAULT, "Claude Code's default")]
    if not any(_is_model(snapshot.model, model) for model in models):
        models.insert(0, ModelName(snapshot.model, snapshot.model))
    choices = [
        Item(model.name, ChangeSetting("model", model.id), _is_model(snapshot.model, model), radio=True)
        for model in _with_distinct_names(models)
    ]
    return Item(
        f"Default model: {_model_name(snapshot)}",
        items=(*choices, *([] if listed else [_line("The full list appears once Claude Code is running")])),
    )


def _is_model(wanted: str, model: ModelName) -> bool:
    return wanted.strip().lower() == model.id.lower()


def _model_name(snapshot: Snapshot) -> str:
    names = [model.name for model in snapshot.status.models if _is_model(snapshot.model, model)]
    return "Claude Code's own" if snapshot.model == CLAUDES_DEFAULT else next(iter(names), snapshot.model)


def _with_distinct_names(models: Iterable[ModelName]) -> Iterator[ModelName]:
    """Each model once; the second of two models with the same name shows its id too."""
    ids: set[str] = set()
    names: set[str] = set()
    for model in models:
        if model.id.lower() in ids:
            continue
        name = model.name.strip() or model.id
        ids.add(model.id.lower())
        yield replace(model, name=f"{name} ({model.id})" if name in names else name)
        names.add(name)


def _pool_size(snapshot: Snapshot) -> Item:
    text = f"Answers at once: {snapshot.pool_size}"
    if pinned := _set_by(snapshot, "pool_size"):
        return _line(f"{text}{pinned}")
    sizes = sorted({*POOL_SIZES, snapshot.pool_size})
    return Item(
        text,
        items=tuple(
            Item(str(size), ChangeSetting("pool_size", size), size == snapshot.pool_size, radio=True) for size in sizes
        ),
    )


def _port(snapshot: Snapshot) -> Item:
    current = port_of(snapshot)
    if pinned := _set_by(snapshot, "port"):
        return _line(f"Port: {current}{pinned}")
    ports = PORT_PRESETS if current in PORT_PRESETS else (current, *PORT_PRESETS)
    return Item(
        f"Port: {current}",
        items=(
            *(Item(f"{port}{_PORT_USES.get(port, '')}", SetPort(port), port == current, radio=True) for port in ports),
            SEPARATOR,
            Item("Next free port", SetPort(None)),
            Item("Other... (in the settings file)", Open("settings")),
        ),
    )


def _key(snapshot: Snapshot) -> Item:
    """The access key's submenu. A key from a variable or the settings file can only be changed there."""
    key, pinned = snapshot.key, _set_by(snapshot, "api_key")
    has_key = key.place is not KeyPlace.NONE
    is_ours = not pinned and key.place is not KeyPlace.SETTINGS
    is_open = snapshot.reach.is_open
    require = f"Require the key{' (always on while others can connect)' if key.is_fixed else ''}"
    if is_open and not key.is_fixed:
        require = "Require the key on this computer too"
    new = "Replace the key (the old one stops working)" if has_key else "New key (then required of every app)"
    consent = Item("No keyring found. Store the key in a private file", AllowKeyFile())
    return Item(
        f"Access key: {_key_state(snapshot)}{pinned}",
        items=(
            Item(require, RequireKey(not key.is_required), key.is_required, enabled=is_ours and not key.is_fixed),
            Item("Copy the key", CopyKey(), enabled=has_key),
            Item(new, NewKey(), enabled=is_ours),
            Item("Remove the key", RemoveKey(), enabled=is_ours and has_key and not is_open),
            SEPARATOR,
            _line(key_line(snapshot)),
            *((consent,) if key.asks_for_file and is_ours else ()),
            *((Item("Open the settings file", Open("settings")),) if not is_ours and not pinned else ()),
        ),
    )


def _key_state(snapshot: Snapshot) -> str:
    if snapshot.key.is_required:
        return "required"
    return "required of other devices" if snapshot.reach.is_open else "not required"


def _reach(snapshot: Snapshot) -> Item:
    reach = snapshot.reach
    text = f"Who can connect: {'my network too' if reach.is_open else 'this computer only'}"
    addresses = tuple(Item(f"Copy {url}", CopyAddress(url)) for url in (_url(snapshot, at) for at in reach.addresses))
    if pinned := _set_by(snapshot, "host") or _set_by(snapshot, "reach"):
        return Item(text + pinned, items=addresses) if addresses else _line(text + pinned)
    more = (SEPARATOR, *addresses, _line("Other devices need the access key"))
    network = "Also my network and containers (they need the key)"
    return Item(
        text,
        items=(
            Item("This computer only", SetReach(open=False), not reach.is_open, radio=True),
            Item(network, SetReach(open=True), reach.is_open, radio=True),
            *(more if addresses and reach.is_open else ()),
        ),
    )


def _url(snapshot: Snapshot, address: str) -> str:
    """The base URL at an address, as in 192.168.1.20:8082; the port may be missing."""
    has_port = address.rpartition(":")[2].isdigit() and (address.count(":") == 1 or "]:" in address)
    if has_port:
        return f"http://{address}/v1"
    host = f"[{address}]" if ":" in address and not address.startswith("[") else address
    return f"http://{host}:{port_of(snapshot)}/v1"


def _usage(snapshot: Snapshot) -> Iterator[Item]:
    if snapshot.status.usage:
        yield Item(
            "Plan usage", items=tuple(_line(usage_line(window, snapshot.now)) for window in snapshot.status.usage)
        )


def _sign_in(snapshot: Snapshot) -> Iterator[Item]:
    """The other account that can be signed in to."""
    problem = snapshot.problem
    if problem is not None and problem.fix is Fix.SIGN_IN and snapshot.signing_in is None:
        yield Item("Sign in with a Console account (billed per token)...", SignIn("console"))


def _new_version(snapshot: Snapshot) -> Iterator[Item]:
    if snapshot.new_version:
        yield Item(f"Version {snapshot.new_version} is available...", Open("release page"))


def _start_at_login(snapshot: Snapshot) -> Item:
    starts = snapshot.starts_at_login
    if starts is None:
        return _line("Start at login (not available here)")
    return Item("Start at login", SetStartAtLogin(not starts), starts)


def _about(snapshot: Snapshot) -> Item:
    claude = snapshot.status.cli.version
    return Item(
        "About",
        items=(
            _line(f"Drawbridge {snapshot.version}".rstrip()),
            _line(f"Claude Code {claude}" if claude else "Claude Code: not found yet"),
            *((Item("Project page", Open("project page")),) if snapshot.has_project_page else ()),
            _check_updates(snapshot),
            SEPARATOR,
            _line("Drawbridge is free software under the MIT licence"),
            _line("Its tray icon uses pystray, under the LGPL 3"),
            _line("Claude Code is under Anthropic's own terms"),
        ),
    )


def _check_updates(snapshot: Snapshot) -> Item:
    """The switch for the update check, or why there is none."""
    checks = snapshot.checks_updates
    if checks is None:
        return _line(snapshot.no_update_check or "Updates come from your system's package manager")
    if pinned := _set_by(snapshot, "check_updates"):
        return _line(f"Check for updates: {'yes' if checks else 'no'}{pinned}")
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
