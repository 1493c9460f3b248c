"""The totals of the journal as CSV."""

import csv
import io
from collections.abc import Iterable

from server.journal.record import Total
from server.journal.tables import TOKENS

_NAMES = ("day", "app", "model", "payer", "key", "requests", "failed")


def as_csv(found: Iterable[Total]) -> str:
    """One line for each total, below the names of the columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*_NAMES, *TOKENS, "cost_usd"))
    for total in found:
        values = [_inert(getattr(total, name)) for name in _NAMES]
        writer.writerow((*values, *(getattr(total.usage, name) for name in TOKENS), total.cost_usd))
    return text.getvalue().rstrip("\n")


def _inert(value: object) -> object:
    """The value, quoted if a spreadsheet would run it as a formula: apps choose their names themselves."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
