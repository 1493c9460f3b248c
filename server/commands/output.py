"""Output of commands: results to stdout, remarks to stderr; either may be missing."""

from collections.abc import Iterable
from contextlib import suppress

import click


def say(text: str) -> None:
    """Prints a result. A missing stdout (no console) or a closed pipe is not an error."""
    with suppress(OSError):
        click.echo(text)


def note(text: str) -> None:
    """Prints a remark for the user."""
    with suppress(OSError):
        click.echo(text, err=True)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Formats names and values in two columns; rows without a value are left out."""
    filled = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in filled), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in filled)
