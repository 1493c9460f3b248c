"""Snapshots for tests of the menu: the golden states, and any snapshot; and what a menu contains."""

from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from server.status import (
    AccountStatus,
    ApprovalsStatus,
    CliStatus,
    ComputerAction,
    ComputerQuestion,
    ComputerStatus,
    ModelName,
    PoolStatus,
    State,
    Status,
    UsageWindow,
)
from tests.tray.states import NOW, states
from tray.commands import Command
from tray.menu.item import Item
from tray.menu.menu import menu_for
from tray.model import Fix, KeyPlace, KeyState, Problem, ReachState, Snapshot

STATES = dict(states())
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def all_items(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from all_items(item.items)


def submenu(snapshot: Snapshot, text: str) -> dict[str, Item]:
    return {item.text: item for item in next(i for i in menu_for(snapshot) if i.text.startswith(text)).items}


def texts(snapshot: Snapshot) -> list[str]:
    """The top lines."""
    return [item.text for item in menu_for(snapshot)]


def commands(snapshot: Snapshot) -> list[Command]:
    """The commands of all enabled lines."""
    return [item.command for item in all_items(menu_for(snapshot)) if item.enabled and item.command is not None]


# Any snapshot, with strings as strange as other programs may make them.
_texts = st.text(max_size=90)
_times = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(1.7e9, 1.9e9))
_accounts = st.builds(
    AccountStatus,
    signed_in=st.sampled_from([None, True, False]),
    payer=st.sampled_from(["plan", "api key", "bedrock", "vertex", "foundry", "demo", "nobody", "unknown"]) | _texts,
    method=st.none() | _texts,
    email=st.none() | _texts,
    subscription=st.none() | _texts,
)
_pools = st.builds(PoolStatus, size=st.integers(0, 64), answering=st.integers(0, 64), waiting=st.integers(0, 100))
_statuses = st.builds(
    Status,
    state=st.sampled_from(State),
    base_url=st.none() | st.integers(1, 65535).map(lambda port: f"http://127.0.0.1:{port}/v1"),
    demo=st.booleans(),
    cli=st.builds(CliStatus, path=st.none() | _texts, version=st.none() | _texts),
    account=_accounts,
    pool=_pools,
    computer=st.builds(
        ComputerStatus,
        is_on=st.booleans(),
        actions=st.lists(st.builds(ComputerAction, _texts, st.sampled_from(["done", "refused", "stopped"]))).map(tuple),
        ended=_texts,
        question=st.none() | st.builds(ComputerQuestion, _texts, st.text(max_size=700)),
    ),
    approvals=st.builds(ApprovalsStatus, st.integers(0, 40), _texts, _texts, _texts),
    models=st.lists(st.builds(ModelName, _texts, _texts), max_size=5).map(tuple),
    usage=st.lists(
        st.builds(UsageWindow, _texts, st.floats(), _times, st.booleans()),
        max_size=3,
    ).map(tuple),
)
_settings = ("port", "pool_size", "model", "api_key", "host", "reach", "payer", "check_updates", "computer_use")
snapshots = st.builds(
    Snapshot,
    status=_statuses,
    version=_texts,
    port=st.integers(1, 65535),
    pool_size=st.integers(1, 64),
    model=_texts,
    key=st.builds(KeyState, st.booleans(), st.sampled_from(KeyPlace), st.booleans()),
    reach=st.builds(ReachState, st.booleans(), st.lists(_texts, max_size=3).map(tuple)),
    problem=st.none() | st.builds(Problem, _texts, _texts, _texts, st.sampled_from(Fix)),
    pinned=st.lists(st.tuples(st.sampled_from(_settings), _texts), max_size=5).map(tuple),
    starts_at_login=st.sampled_from([None, True, False]),
    signing_in=st.sampled_from([None, "claudeai", "console"]),
    computer_use=st.booleans(),
    computer_minutes_left=st.integers(0, 120),
    payer=st.sampled_from(["automatic", "plan", "api key"]),
    has_exported_key=st.booleans(),
    is_quitting=st.booleans(),
    checks_updates=st.sampled_from([None, True, False]),
    new_version=_texts,
    now=st.sampled_from([None, NOW]),
)
