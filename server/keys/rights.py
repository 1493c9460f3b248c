"""What an app's key may do, and how it is read from JSON."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal, get_args

from server.errors import InvalidRequest

Listener = Literal["local", "lan", "tunnel"]
"""A listener: for this computer, for containers and the network, and behind a tunnel."""
LISTENERS: tuple[Listener, ...] = get_args(Listener)
LISTENER_NAMES: Mapping[Listener, str] = {
    "local": "this computer",
    "lan": "other devices and containers",
    "tunnel": "the internet",
}
MOST_REQUESTS, MOST_TOKENS = 1_000_000, 1_000_000_000
_MOST_MODELS, _LONGEST_MODEL = 50, 100


@dataclass(frozen=True, slots=True)
class Rights:
    """What a key may do. `models`: names with `*` for any text; empty: every model. The limits: None is no limit.

    `agent`: it may use agent mode, and see projects. `projects`: it may also add and remove them, on this computer.
    """

    listeners: tuple[Listener, ...] = ("local", "lan")
    models: tuple[str, ...] = ()
    agent: bool = False
    projects: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def as_json(self) -> dict[str, object]:
        """The rights as JSON, which `rights_from` reads."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


ALL = Rights()
"""What a new key may do: everything on this computer and on the network."""
RIGHTS = tuple(one.name for one in fields(Rights))
NEWER_RIGHTS = frozenset({"projects"})
"""Those that keys in a file of the same version may lack."""


def rights_from(given: Mapping[str, object], before: Rights = ALL) -> Rights:
    """`before` with the rights that `given` names; others of its fields are ignored. Raises `InvalidRequest`."""
    found: dict[str, object] = {}
    for name, (parse, expects) in _PARSERS.items():
        if name in given:
            try:
                found[name] = parse(given[name])
            except ValueError as error:
                raise InvalidRequest(f"{name} must be {expects}.", param=name) from error
    return replace(before, **found)  # type: ignore[arg-type] # each parser gives its field's type


def _listeners(value: object) -> tuple[Listener, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError
    if any(one not in LISTENERS for one in value):
        raise ValueError
    return tuple(listener for listener in LISTENERS if listener in value)


def _models(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MOST_MODELS:
        raise ValueError
    names = [one.strip() if isinstance(one, str) else "" for one in value]
    if not all(0 < len(name) <= _LONGEST_MODEL and name.isprintable() for name in names):
        raise ValueError
    return tuple(dict.fromkeys(names))


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _limit(most: int) -> Callable[[object], int | None]:
    def parse(value: object) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError
        return value

    return parse


_PARSERS: Mapping[str, tuple[Callable[[object], object], str]] = {
    "listeners": (_listeners, f"a non-empty array with some of {', '.join(LISTENERS)}"),
    "models": (_models, f"an array of at most {_MOST_MODELS} names of models"),
    "agent": (_switch, "a boolean"),
    "projects": (_switch, "a boolean"),
    "requests_per_minute": (_limit(MOST_REQUESTS), f"null or an integer from 1 to {MOST_REQUESTS}"),
    "tokens_per_minute": (_limit(MOST_TOKENS), f"null or an integer from 1 to {MOST_TOKENS}"),
}
assert tuple(_PARSERS) == RIGHTS
