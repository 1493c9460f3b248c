"""Parses and writes JSON in small steps for large requests, as `json` does in one.

One call of the C parser holds Python's global lock until it returns, and so do the C encoder and a regular expression.
A thread that works on a large request would keep the event loop from running for as long as such a call takes.
"""

import json
import re
from collections.abc import Callable, Iterator
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined] # documented in its docstring only
from typing import Any  # parsed JSON

from server.offload import LARGE, is_large

# Far more than any client sends: a conversation of thousands of messages has some ten thousand.
MOST_VALUES = 250_000
# Characters that one call may handle; takes well below a millisecond.
STEP = 2**16
_MAX_DEPTH = 950
_blank = re.compile(r"[ \t\n\r]*").match
# A part of a string that ends neither within an escape sequence nor between the two halves of a surrogate pair. What
# follows the first half must be in sight: its second half belongs to it.
_part = re.compile(
    r"""(?: [^"\\]+
          | \\[^u]
          | \\u(?![dD][89abAB])[0-9a-fA-F]{4}
          | \\u[dD][89abAB][0-9a-fA-F]{2} \\u[dD][c-fC-F][0-9a-fA-F]{2}
          | \\u[dD][89abAB][0-9a-fA-F]{2} (?=.{6}) (?!\\u[dD][c-fC-F])
        )*""",
    re.VERBOSE | re.DOTALL,
).match


def loads(
    text: str,
    *,
    parse_float: Callable[[str], Any] | None = None,
    parse_constant: Callable[[str], Any] | None = None,
) -> Any:
    """`json.loads`, with the same values and errors; in steps for a large text of a large request."""
    if len(text) <= LARGE or not is_large.get():
        return json.loads(text, parse_float=parse_float, parse_constant=parse_constant)
    return Parser(text, parse_float, parse_constant).parse()


def dumps(
    value: object,
    *,
    ensure_ascii: bool = True,
    allow_nan: bool = True,
    sort_keys: bool = False,
    separators: tuple[str, str] = (", ", ": "),
) -> str:
    """`json.dumps` of parsed JSON, with the same text and errors; in steps for a large request."""
    encoder = json.JSONEncoder(
        ensure_ascii=ensure_ascii, allow_nan=allow_nan, sort_keys=sort_keys, separators=separators
    )
    if not is_large.get():
        return encoder.encode(value)
    out: list[str] = []
    _write(value, out, encoder)
    return "".join(out)


def steps(text: str) -> Iterator[str]:
    """`text` in slices that one call may handle."""
    for start in range(0, len(text), STEP):
        yield text[start : start + STEP]


def _write(value: object, out: list[str], encoder: json.JSONEncoder) -> None:
    if isinstance(value, str):
        if len(value) <= STEP:
            out.append(encoder.encode(value))
        else:
            out.append('"')
            out.extend(encoder.encode(part)[1:-1] for part in steps(value))
            out.append('"')
    elif isinstance(value, dict) and value:
        mark = "{"
        for key in sorted(value) if encoder.sort_keys else value:
            out.append(mark)
            _write(key, out, encoder)
            out.append(encoder.key_separator)
            _write(value[key], out, encoder)
            mark = encoder.item_separator
        out.append("}")
    elif isinstance(value, list | tuple) and value:
        mark = "["
        for item in value:
            out.append(mark)
            _write(item, out, encoder)
            mark = encoder.item_separator
        out.append("]")
    else:
        out.append(encoder.encode(value))


class Parser:
    """Parses one text. Single values and short strings are left to the C parser, containers are read here."""

    def __init__(
        self, text: str, parse_float: Callable[[str], Any] | None, parse_constant: Callable[[str], Any] | None
    ) -> None:
        self._text = text
        self._decode = json.JSONDecoder(parse_float=parse_float, parse_constant=parse_constant).raw_decode
        self._keys: dict[str, str] = {}
        # The open containers, an object with the key whose value is read.
        self._open: list[tuple[Any, str | None]] = []

    def parse(self) -> Any:
        """The value. Raises `JSONDecodeError`, or `RecursionError` for a text that is nested too deeply."""
        if self._text.startswith("\ufeff"):
            raise JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", self._text, 0)
        at = self._skip(0)
        while True:
            value, at, is_complete = self._begin(at)
            if is_complete:
                at = self._end(value, at)
                if not self._open:
                    break
        if at != len(self._text):
            raise JSONDecodeError("Extra data", self._text, at)
        return self._value

    def _begin(self, at: int) -> tuple[Any, int, bool]:
        """Reads the value at `at`; of a container that is not empty, only the beginning up to its first value."""
        mark = self._text[at : at + 1]
        if mark == '"':
            return *self._string(at), True
        if mark == "[":
            at = self._skip(at + 1)
            if self._text[at : at + 1] == "]":
                return [], at + 1, True
            self._push([], None)
            return None, at, False
        if mark == "{":
            at = self._skip(at + 1)
            if self._text[at : at + 1] == "}":
                return {}, at + 1, True
            key, at = self._key(at)
            self._push({}, key)
            return None, at, False
        return *self._decode(self._text, at), True

    def _end(self, value: Any, at: int) -> int:
        """Adds the value to its container, and closes containers up to the next value. Returns where that begins."""
        while self._open:
            container, key = self._open[-1]
            if key is None:
                container.append(value)
            else:
                container[key] = value
            at = self._skip(at)
            mark = self._text[at : at + 1]
            if mark == ",":
                return self._next(container, at)
            if mark != ("]" if key is None else "}"):
                raise JSONDecodeError("Expecting ',' delimiter", self._text, at)
            self._open.pop()
            value, at = container, at + 1
        self._value = value
        return self._skip(at)

    def _next(self, container: Any, comma: int) -> int:
        """Reads up to the next value of the container, behind the comma."""
        at = self._skip(comma + 1)
        is_list = isinstance(container, list)
        if self._text[at : at + 1] == ("]" if is_list else "}"):
            message, at_comma = _TRAILING_COMMA[is_list]
            raise JSONDecodeError(message, self._text, comma if at_comma else at)
        if not is_list:
            key, at = self._key(at)
            self._open[-1] = (container, key)
        return at

    def _key(self, at: int) -> tuple[str, int]:
        if self._text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting property name enclosed in double quotes", self._text, at)
        key, at = self._string(at)
        at = self._skip(at)
        if self._text[at : at + 1] != ":":
            raise JSONDecodeError("Expecting ':' delimiter", self._text, at)
        return self._keys.setdefault(key, key), self._skip(at + 1)

    def _push(self, container: Any, key: str | None) -> None:
        if len(self._open) >= _MAX_DEPTH:
            raise RecursionError
        self._open.append((container, key))

    def _string(self, start: int) -> tuple[str, int]:
        """The string whose quotation mark is at `start`, and the index behind it."""
        end = self._text.find('"', start + 1, start + STEP)
        if end >= 0 and self._text[end - 1] != "\\":
            value, at = self._decode(self._text, start)
            return value, at
        parts: list[str] = []
        at = start + 1
        while self._text[at : at + 1] != '"':
            matched = _part(self._text, at, at + STEP)
            if matched is None or not matched.group():
                # It is wrong, or close to the end.
                break
            parts.append(self._unescaped(matched.group(), at))
            at = matched.end()
        try:
            rest, at = scanstring(self._text, at)
        except JSONDecodeError as error:
            is_open = error.msg.startswith("Unterminated")
            raise JSONDecodeError(error.msg, self._text, start if is_open else error.pos) from None
        return "".join((*parts, rest)), at

    def _unescaped(self, part: str, at: int) -> str:
        try:
            text: str = scanstring(f'{part}"', 0)[0]
        except JSONDecodeError as error:
            raise JSONDecodeError(error.msg, self._text, at + error.pos) from None
        return text

    def _skip(self, at: int) -> int:
        """The index behind the white space at `at`."""
        while (matched := _blank(self._text, at, at + STEP)) and matched.end() > at:
            at = matched.end()
        return at


def _trailing_comma(text: str) -> tuple[str, bool]:
    """How this Python reports a comma before the end of a container: its text, and whether the comma is the place."""
    try:
        json.loads(text)
    except JSONDecodeError as error:
        return error.msg, text[error.pos] == ","
    raise AssertionError(text)


_TRAILING_COMMA = {True: _trailing_comma("[0 , ]"), False: _trailing_comma('{"": 0 , }')}


def has_more_values(text: str, most: int = MOST_VALUES) -> bool:
    """Whether the JSON `text` has more than `most` values, counted without parsing it.

    A text of millions of values would keep a thread busy for minutes.
    """
    if _values(text, 0, len(text)) <= most:
        return False
    # Commas and brackets within strings do not count.
    values, at = 0, 0
    while values <= most:
        start = text.find('"', at)
        values += _values(text, at, start if start >= 0 else len(text))
        if start < 0 or (at := _after_string(text, start)) < 0:
            return values > most
    return True


def _values(text: str, start: int, end: int) -> int:
    """Each value is the first of an array or an object, or comes after a comma."""
    return sum(text.count(mark, start, end) for mark in ",[{")


def _after_string(text: str, start: int) -> int:
    """The index after the string that begins at `start`; -1 if it does not end."""
    end = start
    while (end := text.find('"', end + 1)) >= 0:
        before = end - 1
        while text[before] == "\\":
            before -= 1
        if (end - before) % 2:
            return end + 1
    return -1
