"""The arguments of a call as Claude Code reads them: a JSON object, or nothing that it takes."""

import json
import math
from typing import Never


def object_from(arguments: str) -> dict[str, object] | None:
    """The object that `arguments` are, None where Claude Code takes them for none: it knows no NaN, and no great depth.

    A number that no float holds is none either: it could not be written as JSON again.

    Nothing at all is an empty object. Of an integer over 2^53 Claude Code keeps what fits into a float.
    """
    try:
        parsed = json.loads(arguments or "{}", parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _no_constant(word: str) -> Never:
    raise ValueError(word)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number
