"""Which names of a request's fields the journal may keep: those of an API, never those of the client's own data."""

import re
from collections.abc import Iterable

_MOST, _LONGEST = 20, 80
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]*(\[\d+\])*(\.[A-Za-z_$][A-Za-z0-9_$-]*(\[\d+\])*)*")
# What follows these in a JSON schema are names of the client's own.
_OWN_NAMES = re.compile(
    r"(^|\.)(properties|patternProperties|dependentSchemas|dependentRequired|\$defs|definitions)\b.*"
)


def fields_in(places: Iterable[str]) -> str:
    """The fields of `places`, as in "seed, tools[3]", without remarks, names in schemas, and what names no field."""
    found: dict[str, None] = {}
    for place in places:
        field = _OWN_NAMES.sub("", place.partition(" (")[0])
        if len(field) <= _LONGEST and _FIELD.fullmatch(field):
            found[field] = None
        if len(found) == _MOST:
            break
    return ", ".join(found)
