"""The results as tables: plain for the terminal, or Markdown for the manual."""

import datetime as dt
import os
import platform
from collections.abc import Sequence

import psutil

from tests.bench.measuring import Fact, Found, Line, Spread

_TIMES = ("request", "first token, ms", "x bare", "target", "whole answer, ms", "way")
_FACTS = ("figure", "measured", "target", "note")


def machine(cli: str) -> str:
    """Returns the date and the machine of the measurement."""
    return (
        f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, Claude Code {cli}"
    )


def table(found: Sequence[Found], *, markdown: bool) -> str:
    """All lines, and below them all facts: medians, with the range in brackets."""
    times = [_TIMES, *(_time_cells(one) for one in found if isinstance(one, Line))]
    facts = [_FACTS, *((one.name, one.value, one.target, one.note) for one in found if isinstance(one, Fact))]
    draw = _markdown if markdown else _plain
    return "\n\n".join(draw(rows) for rows in (times, facts) if len(rows) > 1)


def _time_cells(one: Line) -> tuple[str, ...]:
    ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
    target = "" if one.target is None else f"<= {one.target:g}"
    return one.name, _range(one.first), ratio, target, _range(one.total), one.note


def _range(spread: Spread) -> str:
    return f"{spread.median:.1f} ({spread.least:.1f}-{spread.most:.1f})"


def _plain(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rest))
