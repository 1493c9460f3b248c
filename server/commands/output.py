"""What commands say: results to stdout, everything else to stderr; neither need exist."""

from collections.abc import Iterable
from contextlib import suppress

import click


def say(text: str) -> None:
    """A result. A program without a console has no stdout, and a reader may have left: neither is an error."""
    with suppress(OSError):
        click.echo(text)


def note(text: str) -> None:
    """A remark for the person who reads along."""
    with suppress(OSError):
        click.echo(text, err=True)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of a name and its value, in two columns."""
    filled = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in filled), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in filled)
