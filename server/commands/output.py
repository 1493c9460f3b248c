"""Output of commands: results to stdout, remarks to stderr; either may be missing."""

import sys
from collections.abc import Iterable, Sequence

import click

from server.machine.processes.std_streams import silence


def say(text: str) -> None:
    """Prints a result. A missing stdout (no console) or a closed pipe is not an error."""
    try:
        click.echo(text)
    except OSError:
        silence(sys.stdout)


def note(text: str) -> None:
    """Prints a remark for the user."""
    try:
        click.echo(text, err=True)
    except OSError:
        silence(sys.stderr)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Formats rows in columns. Control characters, which a terminal would obey, are replaced."""
    inert = [["".join(letter if letter.isprintable() else "?" for letter in cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*inert, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in inert)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Formats names and values in two columns; rows without a value are left out."""
    filled = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in filled), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in filled)
