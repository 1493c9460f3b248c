"""Custom tools: raw text is wrapped in a JSON object for Claude, and unwrapped while the reply is streamed."""

import json
import re
from typing import Literal

from server.large_json import dumps

FIELD = "input"
_HEAD = re.compile(rf'\s*\{{\s*"{FIELD}"\s*:\s*"')
_MAX_HEAD = 200
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNESCAPED = re.compile(r'[^"\\]+')
_REPLACEMENT = "\ufffd"


def text_schema(description: str = "") -> str:
    """Returns the schema, as JSON text, of a tool that takes raw text."""
    field = {"type": "string", **({"description": description} if description else {})}
    return dumps({"type": "object", "properties": {FIELD: field}, "required": [FIELD]}, ensure_ascii=False)


def wrapped(text: str) -> str:
    """Returns the arguments, as JSON text, of a call with the raw `text`."""
    return dumps({FIELD: text}, ensure_ascii=False)


class Unwrapper:
    """Extracts the raw text from the streamed JSON arguments of a call.

    Half of a surrogate pair is held until its other half arrives; an unpaired one becomes U+FFFD. Arguments that do not
    start with `{"input": "` are held until `end`, which returns their `input`, else the JSON text unchanged.
    """

    def __init__(self) -> None:
        self._state: Literal["head", "string", "done", "other"] = "head"
        self._other: list[str] = []
        self._buffer = ""
        self._surrogate = ""

    def feed(self, chunk: str) -> str:
        """Returns the raw text that the next chunk of JSON adds."""
        match self._state:
            case "done":
                return ""
            case "other":
                self._other.append(chunk)
                return ""
            case "head":
                self._buffer += chunk
                head = _HEAD.match(self._buffer)
                if head is None:
                    if len(self._buffer) > _MAX_HEAD or _cannot_match(self._buffer):
                        self._state, self._other, self._buffer = "other", [self._buffer], ""
                    return ""
                self._state, self._buffer = "string", self._buffer[head.end() :]
            case "string":
                self._buffer += chunk
        return self._unescape()

    def end(self) -> str:
        """Returns the rest of the text after the last chunk."""
        if self._state == "string":
            surrogate, self._surrogate = self._surrogate, ""
            return _REPLACEMENT if surrogate else ""
        rest = "".join(self._other) or (self._buffer if self._state == "head" else "")
        try:
            parsed = json.loads(rest)
        except (ValueError, RecursionError):
            return rest
        text = parsed.get(FIELD) if isinstance(parsed, dict) else None
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else rest

    def _unescape(self) -> str:
        out: list[str] = []
        at = 0
        while at < len(self._buffer):
            if plain := _UNESCAPED.match(self._buffer, at):
                out += [self._joined(""), plain.group()]
                at = plain.end()
            elif self._buffer[at] == '"':
                self._state = "done"
                out.append(self._joined(""))
                at = len(self._buffer)
            else:
                letter = self._buffer[at + 1 : at + 2]
                length = 6 if letter == "u" else 2
                if len(self._buffer) < at + length:
                    break
                out.append(self._character(letter, self._buffer[at + 2 : at + length]))
                at += length
        self._buffer = self._buffer[at:]
        return "".join(out)

    def _character(self, letter: str, digits: str) -> str:
        if letter != "u":
            return self._joined("") + _ESCAPES.get(letter, letter)
        try:
            character = chr(int(digits, 16))
        except ValueError:
            return self._joined("") + _REPLACEMENT
        if "\ud800" <= character <= "\udbff":
            before, self._surrogate = self._joined(""), character
            return before
        return self._joined(character)

    def _joined(self, character: str) -> str:
        """Returns `character`, joined to the surrogate held before it."""
        surrogate, self._surrogate = self._surrogate, ""
        is_low = "\udc00" <= character <= "\udfff"
        if surrogate and is_low:
            return (surrogate + character).encode("utf-16", "surrogatepass").decode("utf-16")
        return (_REPLACEMENT if surrogate else "") + (_REPLACEMENT if is_low else character)


def _cannot_match(text: str) -> bool:
    """Whether `text` cannot become `_HEAD` any more."""
    compact = re.sub(r"\s+", "", text)
    return not f'{{"{FIELD}":"'.startswith(compact)
