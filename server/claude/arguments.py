"""The arguments of a call as Claude Code reads them: a JSON object, or nothing that it takes."""

import json
from typing import Never


def object_from(arguments: str) -> dict[str, object] | None:
    """The object that `arguments` are, None where Claude Code takes them for none: it knows no NaN, and no great depth.

    Nothing at all is an empty object. Of an integer over 2^53 Claude Code keeps what fits into a float.
    """
    try:
        parsed = json.loads(arguments or "{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _no_constant(word: str) -> Never:
    raise ValueError(word)
