"""Types of request fields that take what clients write for "not given", and numbers and booleans as other types."""

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticUseDefault

from server.dialects.common.wire_types import TokenCount

_NOT_GIVEN = frozenset({"", "auto", "default", "none", "null", "unset", "undefined", "unlimited", "inf", "-1"})
_INTEGER = re.compile(r"\+?\d{1,20}(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,2})?")
_FLAGS = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "off"), False),
}


def _limit(value: object) -> object:
    """-1, which LM Studio and llama.cpp write for "no limit", and words like "auto" are None."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _NOT_GIVEN:
            return None
        return int(float(text)) if _INTEGER.fullmatch(text) else value
    is_negative = isinstance(value, int | float) and not isinstance(value, bool) and value < 0
    return None if is_negative else value


def _count(value: object) -> object:
    limit = _limit(value)
    return 1 if limit is None else limit


def _flag(value: object) -> object:
    if value in ([], {}):
        raise PydanticUseDefault
    if not isinstance(value, str | int | float):
        return value
    word = str(value).strip().lower()
    if word in _NOT_GIVEN:
        raise PydanticUseDefault
    return _FLAGS.get(word, value)


def _unless_empty(value: object) -> object:
    if value is False or value in ("", [], {}):
        raise PydanticUseDefault
    return value


TokenLimit = Annotated[TokenCount | None, BeforeValidator(_limit)]
"""The longest answer, in tokens. Negative numbers and words for "not given" are None."""
COUNT = BeforeValidator(_count)
"""For a field with the default 1."""
Flag = Annotated[bool, BeforeValidator(_flag)]
"""A boolean, also as a number or a word. Words for "not given" are the default."""
OR_EMPTY = BeforeValidator(_unless_empty)
"""For an array or an object. PHP writes an empty object as [], Lua an empty array as {}, and forms write ""."""


def number_in(value: object) -> float | None:
    """Returns the finite number that `value` is or contains as a string; None if there is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None
