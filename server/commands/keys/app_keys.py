"""`drawbridge keys`: the keys of apps. A change applies to the next request of a running server."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar  # Any: a command of click

import click

from server.commands.output import columns, note, say
from server.keys.key_book import KeyBook
from server.keys.named_key import NamedKey
from server.keys.rights import LISTENERS, MOST_REQUESTS, MOST_TOKENS, Rights, rights_from
from server.machine.files.paths import find_folders

Command = TypeVar("Command", bound=Callable[..., Any])

NOT_REQUIRED = (
    "On this computer an app can also connect without its key, unless the setting 'require_key' is on. "
    "Rights and limits bind only requests that send the key."
)
_NO_LIMIT = 0
_FIELDS = {"requests": "requests_per_minute", "tokens": "tokens_per_minute"}


def _rights_options(command: Command) -> Command:
    """The options for rights; None or empty means not given."""
    for option in (
        click.option("--tokens", type=click.IntRange(0, MOST_TOKENS), help="Tokens a minute. 0: no limit."),
        click.option("--requests", type=click.IntRange(0, MOST_REQUESTS), help="Requests a minute. 0: no limit."),
        click.option("--agent/--no-agent", default=None, help="Whether it may use agent mode, and see projects."),
        click.option("--projects/--no-projects", default=None, help="Whether it may add and remove projects."),
        click.option(
            "--model",
            "models",
            multiple=True,
            help="A model that it may use, as in haiku or 'claude-sonnet-*'; may be repeated. '*': every model.",
        ),
        click.option(
            "--listener",
            "listeners",
            multiple=True,
            type=click.Choice(LISTENERS),
            help="Where it may be used; may be repeated.",
        ),
    ):
        command = option(command)
    return command


@click.group("keys", invoke_without_command=True)
@click.pass_context
def keys(context: click.Context) -> int | None:
    """Manage the keys of apps; without a command, list them.

    Each app can have a key of its own, which can be limited, and revoked without touching other apps.
    """
    return None if context.invoked_subcommand is not None else _list(as_json=False)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line, for programs.")
def list_keys(*, as_json: bool) -> int:
    """List the keys with their rights. The keys themselves are kept nowhere."""
    return _list(as_json=as_json)


@keys.command("add")
@click.argument("name")
@_rights_options
def add(name: str, **given: Any) -> int:
    """Create a key for the app NAME and print it. It is shown only now."""
    book = _book()
    key, text = book.add(name, _rights(given))
    say(text)
    note(f"This is the key for {key.name}. It is shown only now: Drawbridge keeps no copy.")
    note(NOT_REQUIRED)
    return 0


@keys.command("revoke")
@click.argument("name")
def revoke(name: str) -> int:
    """Revoke the key NAME. Running answers end normally; new requests with it are refused."""
    key = _book().revoke(name)
    note(f"The key for {key.name} is revoked.")
    note(NOT_REQUIRED)
    return 0


@keys.command("rename")
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> int:
    """Give the key NAME another name. The app keeps working."""
    note(f"The key is now called {_book().change(name, new_name=new_name).name}.")
    return 0


@keys.command("set")
@click.argument("name")
@_rights_options
def set_rights(name: str, **given: Any) -> int:
    """Change the rights of the key NAME. What no option names stays."""
    book = _book()
    key = book.change(name, rights=_rights(given, book.named(name).rights))
    say(columns((_TITLES, _row(key))))
    return 0


def _rights(given: dict[str, Any], before: Rights | None = None) -> Rights:
    before = before or Rights()
    changes: dict[str, object] = {
        _FIELDS.get(name, name): value for name, value in given.items() if value not in (None, ())
    }
    for name in _FIELDS.values():
        if changes.get(name) == _NO_LIMIT:
            changes[name] = None
    if changes.get("models") == ("*",):
        changes["models"] = ()
    return rights_from(changes, before)


def _book() -> KeyBook:
    """The keys; a remark says why those in the file are refused, if they are."""
    book = KeyBook(find_folders().config)
    book.listed()
    if book.trouble is not None:
        note(book.trouble)
    return book


def _list(*, as_json: bool) -> int:
    book = _book()
    if as_json:
        for key in book.listed():
            say(json.dumps({"name": key.name, "created_at": key.created_at, **key.rights.as_json()}))
    elif book.listed():
        say(columns((_TITLES, *map(_row, book.listed()))))
    elif book.trouble is None:
        note("No app has a key of its own. 'drawbridge keys add NAME' creates one.")
    return 0 if book.trouble is None else 1


_TITLES = ("NAME", "CREATED", "WHERE", "MODELS", "AGENT", "PROJECTS", "REQUESTS/MIN", "TOKENS/MIN")


def _row(key: NamedKey) -> tuple[str, ...]:
    rights = key.rights
    created = datetime.fromtimestamp(key.created_at).astimezone().strftime("%Y-%m-%d")
    limits = [f"{limit:,}" if limit else "no limit" for limit in (rights.requests_per_minute, rights.tokens_per_minute)]
    switches = ["yes" if is_on else "no" for is_on in (rights.agent, rights.projects)]
    return (key.name, created, ", ".join(rights.listeners), ", ".join(rights.models) or "all", *switches, *limits)
