"""Reads the arguments of a call in the history, as clients send them back."""

import ast
import json
import re

from server.dialects.common.tools.raw_text_tools import wrapped
from server.large_json import dumps, loads

UNKNOWN_TOOL = "unknown_tool"
"""The name of a call that has none."""
_NO_ARGUMENTS = frozenset({"", "null", "none", "nil", "undefined", "false", "[]", "()", '""', "''"})
# Parsing more than this as Python would take too long.
_LONGEST_REPR = 100_000


def made_id(place: str) -> str:
    """Returns the id of a call at `place` that has none; the same each time the client sends the conversation."""
    return "call_" + re.sub(r"\W+", "_", place).strip("_")


def call_arguments(arguments: str, *, is_raw_text: bool = False, may_be_json: bool = False) -> str:
    """Returns a call's arguments as JSON. Those of a raw text tool are the text itself, as our replies contain it.

    `may_be_json`: they are the text only if they do not start like an object. Clients write "no arguments" in many
    ways: as blank text, null, None, an empty string or an empty array. Some encode them twice, some as Python writes a
    dict, some put them into an array. Other text is returned as it is; Claude gets it inside an object.
    """
    if is_raw_text and not (may_be_json and arguments.lstrip().startswith("{")):
        return wrapped(arguments)
    stripped = arguments.strip()
    if stripped.lower() in _NO_ARGUMENTS:
        return "{}"
    if stripped.startswith('"'):
        inner = _json(stripped)
        if isinstance(inner, str) and (inner.strip().lower() in _NO_ARGUMENTS or inner.lstrip().startswith("{")):
            return call_arguments(inner)
    elif stripped.startswith("[") and len(stripped) <= _LONGEST_REPR:
        inner = _json(stripped)
        if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict):
            return dumps(inner[0], ensure_ascii=False)
    elif stripped.startswith("{"):
        return _from_repr(stripped) or arguments
    return arguments


def _json(text: str) -> object:
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return None


def _from_repr(text: str) -> str | None:
    """Returns a dict in Python's notation, such as `{'a': True}`, as JSON; None if `text` is anything else."""
    if len(text) > _LONGEST_REPR or "'" not in text or _json(text) is not None:
        return None
    try:
        parsed = ast.literal_eval(text)
        if not isinstance(parsed, dict) or not all(isinstance(key, str) for key in parsed):
            return None
        rewritten = json.dumps(parsed, ensure_ascii=False, allow_nan=False)
        rewritten.encode()
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return rewritten
