"""The menu, the tooltip and the icon's picture, made from one Snapshot and from nothing else.

One menu is one file, in the order in which a person reads it; that makes it a long one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from server.status import ModelName, State
from server.status_phrases import LONGEST, account_line, counted, fitted, usage_line
from tray.commands import (
    ActOnProblem,
    AllowKeyFile,
    ChangeSetting,
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
from tray.menu.item import SEPARATOR, Item
from tray.menu.phrases import key_line, port_of, state_line
from tray.model import POOL_SIZES, PORT_PRESETS, Fix, KeyPlace, Picture, Snapshot

CLAUDES_DEFAULT = "default"
_KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
# What Windows shows of a tooltip.
_TOOLTIP_LONGEST = 127
# What a click on the problem line does, where no other line of the menu says it.
_CURES = {
    Fix.LOG: "See what happened in the log",
    Fix.INSTALL: "Install Claude Code...",
    Fix.NEXT_PORT: "Use the next free port",
    Fix.SETTINGS: "Open the settings file",
    Fix.RESTART: "Try again",
    # The line to sign in stands below, and nothing is nothing.
    Fix.SIGN_IN: "",
    Fix.NOTHING: "",
}


def menu_for(snapshot: Snapshot) -> tuple[Item, ...]:
    """The whole menu: every line short, no two siblings alike, every line that can be clicked with its command."""
    groups = (
        (_line(state_line(snapshot)), _account(snapshot), *_problem(snapshot)),
        _lever(snapshot),
        (_base_url(snapshot), _connect()),
        (_model(snapshot), _pool_size(snapshot), _port(snapshot), _key(snapshot), _reach(snapshot)),
        (*_usage(snapshot), *_sign_in(snapshot), *_new_version(snapshot)),
        (
            _start_at_login(snapshot),
            Item("Open log folder", Open("log folder")),
            Item("Copy diagnostics", Copy("diagnostics")),
            _about(snapshot),
        ),
        (_quit(snapshot),),
    )
    return tuple(_tidy(_parted(groups)))


def tooltip_for(snapshot: Snapshot) -> str:
    """One line for the icon: the menu's first one, and what is wrong."""
    problem = f". {snapshot.problem.title}" if snapshot.problem is not None else ""
    return fitted(f"Drawbridge: {state_line(snapshot)}{problem}", _TOOLTIP_LONGEST)


def picture_for(snapshot: Snapshot) -> Picture:
    """What the icon shows. A problem wins over traffic, and over a bridge that is merely up."""
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
    """A line that only says something; one without a word would be a separator."""
    return Item(text or "?", enabled=False)


def _account(snapshot: Snapshot) -> Item:
    """Who pays. An exported API key bills by the token unasked, so then the choice stands right here."""
    account, payer = snapshot.status.account, snapshot.payer
    text = account_line(account, demo=snapshot.status.demo)
    if not snapshot.has_exported_key or snapshot.status.demo:
        return _line(text)
    variable = next((name for name in _KEY_VARIABLES if name in account.detail), _KEY_VARIABLES[0])
    if account.payer == "api key":
        text = f"Billed per token to {variable}"
    held = dict(snapshot.pinned).get("payer")
    choices = (
        Item("The Claude plan pays", ChangeSetting("payer", "plan"), payer == "plan", radio=True, enabled=not held),
        Item(
            "The API key pays, by the token",
            ChangeSetting("payer", "api key"),
            payer == "api key",
            radio=True,
            enabled=not held,
        ),
        Item(
            "As Claude Code decides: the API key",
            ChangeSetting("payer", "automatic"),
            payer == "automatic",
            radio=True,
            enabled=not held,
        ),
    )
    said = (_line(f"{variable} is set on this computer"), *((_line(f"Who pays is set by {held}"),) if held else ()))
    return Item(text, items=(*said, *choices))


def _problem(snapshot: Snapshot) -> Iterator[Item]:
    problem = snapshot.problem
    if problem is None:
        return
    if problem.fix is Fix.NOTHING:
        yield _line(problem.title)
        return
    yield Item(problem.title, ActOnProblem())
    if _CURES[problem.fix]:
        yield Item(_CURES[problem.fix], ActOnProblem())


def _lever(snapshot: Snapshot) -> tuple[Item, ...]:
    """Start, stop, restart: only what makes sense can be clicked."""
    state = State.STOPPING if snapshot.is_quitting else snapshot.status.state
    return (
        Item("Start", Start(), enabled=state in {State.STOPPED, State.FAILED}),
        Item("Stop", Stop(), enabled=state in {State.STARTING, State.RUNNING}),
        Item("Restart", Restart(), enabled=state is State.RUNNING),
    )


def _base_url(snapshot: Snapshot) -> Item:
    return Item(f"Copy base URL ({snapshot.base_url})", Copy("base url"))


def _connect() -> Item:
    return Item(
        "Connect an app",
        items=(
            _line("A click copies what to paste there"),
            Item("Talon", Copy("talon")),
            Item("Cline", Copy("cline")),
            Item("Continue", Copy("continue")),
            Item("Open WebUI", Copy("open webui")),
            Item("curl", Copy("curl")),
            SEPARATOR,
            _line("Cursor: its servers cannot reach this computer"),
            _line("It needs a tunnel, which comes later"),
        ),
    )


def _held(snapshot: Snapshot, setting: str) -> str:
    """Who holds the setting, as in "(set by POOL_SIZE)" after a blank; nothing where it is free."""
    holder = dict(snapshot.pinned).get(setting)
    return f" (set by {holder})" if holder else ""


def _model(snapshot: Snapshot) -> Item:
    if held := _held(snapshot, "model"):
        return _line(f"Default model: {_model_name(snapshot)}{held}")
    listed = [model for model in snapshot.status.models if model.id.strip() and model.id != CLAUDES_DEFAULT]
    models = [*listed, ModelName(CLAUDES_DEFAULT, "Claude Code's default")]
    if not any(_is_model(snapshot.model, model) for model in models):
        models.insert(0, ModelName(snapshot.model, snapshot.model))
    choices = [
        Item(model.name, ChangeSetting("model", model.id), _is_model(snapshot.model, model), radio=True)
        for model in _named_apart(models)
    ]
    return Item(
        "Default model", items=(*choices, *([] if listed else [_line("The list comes from Claude Code, once it runs")]))
    )


def _is_model(wanted: str, model: ModelName) -> bool:
    return wanted.strip().lower() == model.id.lower()


def _model_name(snapshot: Snapshot) -> str:
    names = [model.name for model in snapshot.status.models if _is_model(snapshot.model, model)]
    return "Claude Code's own" if snapshot.model == CLAUDES_DEFAULT else next(iter(names), snapshot.model)


def _named_apart(models: Iterable[ModelName]) -> Iterator[ModelName]:
    """Each id once; of two models with one name the second is shown by its id too."""
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
    if held := _held(snapshot, "pool_size"):
        return _line(f"Pool size: {snapshot.pool_size}{held}")
    sizes = sorted({*POOL_SIZES, snapshot.pool_size})
    return Item(
        "Pool size",
        items=(
            *(
                Item(str(size), ChangeSetting("pool_size", size), size == snapshot.pool_size, radio=True)
                for size in sizes
            ),
            _line("Answers at the same time"),
        ),
    )


def _port(snapshot: Snapshot) -> Item:
    current = port_of(snapshot)
    if held := _held(snapshot, "port"):
        return _line(f"Port: {current}{held}")
    ports = PORT_PRESETS if current in PORT_PRESETS else (current, *PORT_PRESETS)
    return Item(
        "Port",
        items=(
            *(Item(str(port), SetPort(port), port == current, radio=True) for port in ports),
            SEPARATOR,
            Item("Next free port", SetPort(None)),
            Item("Other... (in the settings file)", Open("settings")),
        ),
    )


def _key(snapshot: Snapshot) -> Item:
    """The key's own menu. What a variable or the settings file holds can only be changed there."""
    key, held = snapshot.key, _held(snapshot, "api_key")
    has_key = key.place is not KeyPlace.NONE
    is_ours = not held and key.place is not KeyPlace.SETTINGS
    is_needed = snapshot.reach.is_open and key.is_required
    require = "Require the key (others can reach Drawbridge)" if is_needed else "Require the key"
    agree = (_line("This computer has no keyring"), Item("Keep it in a file only you can read", AllowKeyFile()))
    return Item(
        f"Access key{held}",
        items=(
            Item(require, RequireKey(not key.is_required), key.is_required, enabled=is_ours and not is_needed),
            Item("Copy the key", CopyKey(), enabled=has_key),
            Item("New key, the old one is refused" if has_key else "New key", NewKey(), enabled=is_ours),
            Item("Remove the key", RemoveKey(), enabled=is_ours and has_key and not is_needed),
            SEPARATOR,
            _line(key_line(snapshot)),
            *(agree if key.asks_for_file and is_ours else ()),
            *((Item("Open the settings file", Open("settings")),) if not is_ours and not held else ()),
        ),
    )


def _reach(snapshot: Snapshot) -> Item:
    reach = snapshot.reach
    addresses = [Item(f"Copy {url}", CopyAddress(url)) for url in (_url(snapshot, place) for place in reach.addresses)]
    if held := _held(snapshot, "host") or _held(snapshot, "reach"):
        who = "containers and the network" if reach.is_open else "this computer only"
        return (
            Item(fitted(f"Reachable from: {who}{held}"), items=tuple(addresses))
            if addresses
            else _line(f"Reachable from: {who}{held}")
        )
    more = (SEPARATOR, *addresses, _line("Callers must send the access key"))
    return Item(
        "Reachable from",
        items=(
            Item("This computer only", SetReach(open=False), not reach.is_open, radio=True),
            Item("Also containers and the network", SetReach(open=True), reach.is_open, radio=True),
            *(more if reach.is_open and addresses else ()),
        ),
    )


def _url(snapshot: Snapshot, address: str) -> str:
    """The base URL at an address such as 192.168.1.20:8082, or at one without a port."""
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
    if snapshot.is_signing_in:
        yield _line("Signing in: finish it in your browser")
        return
    is_asked = snapshot.problem is not None and snapshot.problem.fix is Fix.SIGN_IN
    if is_asked or (snapshot.status.account.signed_in is False and not snapshot.status.demo):
        yield Item("Sign in to Claude...", SignIn())
        yield Item("Sign in with a Console account (by the token)...", SignIn("console"))


def _new_version(snapshot: Snapshot) -> Iterator[Item]:
    if snapshot.new_version:
        yield Item(f"Version {snapshot.new_version} is available...", Open("release page"))


def _start_at_login(snapshot: Snapshot) -> Item:
    starts = snapshot.starts_at_login
    if starts is None:
        return _line("Start at login (this system does not allow it)")
    return Item("Start at login", SetStartAtLogin(not starts), starts)


def _about(snapshot: Snapshot) -> Item:
    claude = snapshot.status.cli.version
    return Item(
        "About",
        items=(
            _line(f"Drawbridge {snapshot.version}".rstrip()),
            _line(f"Claude Code {claude}" if claude else "Claude Code: not found yet"),
            Item("Open the page of this server", Open("page"), enabled=snapshot.status.state is State.RUNNING),
            Item("Project page", Open("project page")),
            _check_updates(snapshot),
            SEPARATOR,
            _line("Drawbridge is free software under the MIT licence"),
            _line("Its tray icon uses pystray, under the LGPL 3"),
            _line("Claude Code is under Anthropic's own terms"),
        ),
    )


def _check_updates(snapshot: Snapshot) -> Item:
    """Only a person switches it on; a system that brings new versions itself needs no switch."""
    checks = snapshot.checks_updates
    if checks is None:
        return _line("New versions come with your system's updates")
    if held := _held(snapshot, "check_updates"):
        return _line(f"Check for updates: {'yes' if checks else 'no'}{held}")
    return Item("Check for updates once a day", ChangeSetting("check_updates", not checks), checks)


def _quit(snapshot: Snapshot) -> Item:
    answers = snapshot.status.pool.answering
    running = f" ({counted(answers, 'answer')} running)" if answers else ""
    return Item(f"Quit{' now' if snapshot.is_quitting else ''}{running}", Quit())


def _parted(groups: Iterable[Iterable[Item]]) -> Iterator[Item]:
    """The groups with separators between them; an empty one leaves no trace."""
    is_first = True
    for group in map(tuple, groups):
        if group and not is_first:
            yield SEPARATOR
        yield from group
        is_first = is_first and not group


def _tidy(items: Iterable[Item]) -> Iterator[Item]:
    """Lines that fit and differ from their siblings, whatever names and addresses other programs have put in them."""
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
        yield replace(item, text=text, items=tuple(_tidy(item.items)))
