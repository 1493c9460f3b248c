"""Parses the arguments of a tool call as Claude Code does."""

import math
from typing import Never

from server.large_json import loads


def object_from(arguments: str) -> dict[str, object] | None:
    """`arguments` as an object; None if Claude Code does not accept them as one: it refuses NaN and deep nesting.

    A number beyond the range of a float is refused too, because it cannot be written as JSON again. Empty text is an
    empty object. Claude Code rounds integers over 2^53 to a float.
    """
    try:
        parsed = loads(arguments or "{}", parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _no_constant(name: str) -> Never:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number
