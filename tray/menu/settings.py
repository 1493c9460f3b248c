"""The submenus that change a setting: model, pool size, ports, access key and reach."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from server.config import OLLAMA_PORT
from server.status import ModelName, State
from tray.commands import (
    AllowKeyFile,
    ChangeSetting,
    CopyAddress,
    CopyKey,
    NewKey,
    Open,
    RemoveKey,
    RequireKey,
    SetPort,
    SetReach,
)
from tray.menu.item import SEPARATOR, Item, text_line
from tray.menu.phrases import key_line, port_of, set_by
from tray.model import POOL_SIZES, PORT_PRESETS, KeyPlace, Snapshot

_CLAUDES_DEFAULT = "default"
# Why a port is offered: apps may have it as the default of the server that they usually talk to.
_PORT_USES = {8082: " (the default)", 8080: " (llama.cpp's)", 11434: " (Ollama's)", 4000: " (LiteLLM's)"}


def model_item(snapshot: Snapshot) -> Item:
    """The default model, chosen from the models that Claude Code lists."""
    if pinned := set_by(snapshot, "model"):
        return text_line(f"Default model: {_model_name(snapshot)}{pinned}")
    listed = [model for model in snapshot.status.models if model.id.strip() and model.id != _CLAUDES_DEFAULT]
    models = [*listed, ModelName(_CLAUDES_DEFAULT, "Claude Code's default")]
    if not any(_is_model(snapshot.model, model) for model in models):
        models.insert(0, ModelName(snapshot.model, snapshot.model))
    choices = [
        Item(model.name, ChangeSetting("model", model.id), _is_model(snapshot.model, model), radio=True)
        for model in _with_distinct_names(models)
    ]
    return Item(
        f"Default model: {_model_name(snapshot)}",
        items=(*choices, *([] if listed else [text_line("The full list appears once Claude Code is running")])),
    )


def _is_model(wanted: str, model: ModelName) -> bool:
    return wanted.strip().lower() == model.id.lower()


def _model_name(snapshot: Snapshot) -> str:
    names = [model.name for model in snapshot.status.models if _is_model(snapshot.model, model)]
    return "Claude Code's own" if snapshot.model == _CLAUDES_DEFAULT else next(iter(names), snapshot.model)


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


def pool_size_item(snapshot: Snapshot) -> Item:
    """How many answers may run at once."""
    text = f"Answers at once: {snapshot.pool_size}"
    if pinned := set_by(snapshot, "pool_size"):
        return text_line(f"{text}{pinned}")
    sizes = sorted({*POOL_SIZES, snapshot.pool_size})
    return Item(
        text,
        items=tuple(
            Item(str(size), ChangeSetting("pool_size", size), size == snapshot.pool_size, radio=True) for size in sizes
        ),
    )


def port_item(snapshot: Snapshot) -> Item:
    """The port, with the defaults of well-known local servers."""
    current = port_of(snapshot)
    if pinned := set_by(snapshot, "port"):
        return text_line(f"Port: {current}{pinned}")
    ports = PORT_PRESETS if current in PORT_PRESETS else (current, *PORT_PRESETS)
    return Item(
        f"Port: {current}",
        items=(
            *(Item(f"{port}{_PORT_USES.get(port, '')}", SetPort(port), port == current, radio=True) for port in ports),
            SEPARATOR,
            Item("Next free port", SetPort(None)),
            Item("Other...", Open("settings page"), enabled=snapshot.status.state is State.RUNNING),
            Item("Open the settings file", Open("settings")),
        ),
    )


def ollama_item(snapshot: Snapshot) -> Item:
    """Whether Ollama's port answers too."""
    port = snapshot.ollama_port
    refused = snapshot.status.ollama.refused if port else None
    text = f"Apps that only know Ollama: {'port taken' if refused else f'port {port}' if port else 'off'}"
    if pinned := set_by(snapshot, "ollama_port"):
        return text_line(text + pinned)
    if port_of(snapshot) == OLLAMA_PORT:
        return text_line(f"Apps that only know Ollama: port {OLLAMA_PORT}")
    return Item(
        text,
        items=(
            Item(
                f"Also answer as Ollama (port {port or OLLAMA_PORT})",
                ChangeSetting("ollama_port", 0 if port else OLLAMA_PORT),
                bool(port),
            ),
            *((text_line(refused),) if refused else ()),
            text_line("Apps that look for Ollama by themselves use your plan"),
        ),
    )


def key_item(snapshot: Snapshot) -> Item:
    """The access key's submenu. A key from a variable or the settings file can only be changed there."""
    key, pinned = snapshot.key, set_by(snapshot, "api_key")
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
            text_line(key_line(snapshot)),
            *((consent,) if key.asks_for_file and is_ours else ()),
            *((Item("Open the settings file", Open("settings")),) if not is_ours and not pinned else ()),
        ),
    )


def _key_state(snapshot: Snapshot) -> str:
    if snapshot.key.is_required:
        return "required"
    return "required of other devices" if snapshot.reach.is_open else "not required"


def reach_item(snapshot: Snapshot) -> Item:
    """Whether only this computer or other devices too may connect."""
    reach = snapshot.reach
    text = f"Who can connect: {'my network too' if reach.is_open else 'this computer only'}"
    addresses = tuple(Item(f"Copy {url}", CopyAddress(url)) for url in (_url(snapshot, at) for at in reach.addresses))
    if pinned := set_by(snapshot, "host") or set_by(snapshot, "reach"):
        return Item(text + pinned, items=addresses) if addresses else text_line(text + pinned)
    more = (SEPARATOR, *addresses, text_line("Other devices need the access key"))
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
