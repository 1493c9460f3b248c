"""Tools that take raw text: how a text travels in the one JSON string of a call, and comes out of it piece by piece."""

import json
import re
from typing import Literal

FIELD = "input"
# Until a string begins, only this may stand before it.
_HEAD = re.compile(rf'\s*\{{\s*"{FIELD}"\s*:\s*"')
_LONGEST_HEAD = 200
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PLAIN = re.compile(r'[^"\\]+')
_NO_CHARACTER = "\ufffd"


def text_schema(description: str = "") -> str:
    """The schema, as JSON text, of a tool that takes raw text."""
    field = {"type": "string", **({"description": description} if description else {})}
    return json.dumps({"type": "object", "properties": {FIELD: field}, "required": [FIELD]}, ensure_ascii=False)


def wrapped(text: str) -> str:
    """The arguments, as JSON text, of a call with the raw `text`."""
    return json.dumps({FIELD: text}, ensure_ascii=False)


class Unwrapper:
    """Takes the JSON text of a call's arguments in any pieces and gives the raw text in it as it comes.

    Half of a surrogate pair waits for its other half; one that never gets it becomes U+FFFD. Arguments of another form
    than `{"input": "..."}` are held back: `end` gives the text if they hold one, else the JSON text as it is.
    """

    def __init__(self) -> None:
        self._state: Literal["before", "inside", "after", "odd"] = "before"
        self._whole: list[str] = []
        self._rest = ""
        self._half = ""

    def feed(self, piece: str) -> str:
        """The raw text that `piece` adds."""
        match self._state:
            case "after":
                return ""
            case "odd":
                self._whole.append(piece)
                return ""
            case "before":
                self._rest += piece
                head = _HEAD.match(self._rest)
                if head is None:
                    if len(self._rest) > _LONGEST_HEAD or _is_other(self._rest):
                        self._state, self._whole, self._rest = "odd", [self._rest], ""
                    return ""
                self._state, self._rest = "inside", self._rest[head.end() :]
            case "inside":
                self._rest += piece
        return self._inside()

    def end(self) -> str:
        """What is left when no more comes."""
        if self._state == "inside":
            half, self._half = self._half, ""
            return _NO_CHARACTER if half else ""
        left = "".join(self._whole) or (self._rest if self._state == "before" else "")
        try:
            parsed = json.loads(left)
        except (ValueError, RecursionError):
            return left
        text = parsed.get(FIELD) if isinstance(parsed, dict) else None
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else left

    def _inside(self) -> str:
        out: list[str] = []
        at = 0
        while at < len(self._rest):
            if plain := _PLAIN.match(self._rest, at):
                out += [self._other_half(""), plain.group()]
                at = plain.end()
            elif self._rest[at] == '"':
                self._state = "after"
                out.append(self._other_half(""))
                at = len(self._rest)
            else:
                letter = self._rest[at + 1 : at + 2]
                length = 6 if letter == "u" else 2
                if len(self._rest) < at + length:
                    break
                out.append(self._escaped(letter, self._rest[at + 2 : at + length]))
                at += length
        self._rest = self._rest[at:]
        return "".join(out)

    def _escaped(self, letter: str, digits: str) -> str:
        if letter != "u":
            return self._other_half("") + _ESCAPES.get(letter, letter)
        try:
            character = chr(int(digits, 16))
        except ValueError:
            return self._other_half("") + _NO_CHARACTER
        if "\ud800" <= character <= "\udbff":
            before, self._half = self._other_half(""), character
            return before
        return self._other_half(character)

    def _other_half(self, character: str) -> str:
        """`character`, joined to the half that waits before it."""
        half, self._half = self._half, ""
        is_low = "\udc00" <= character <= "\udfff"
        if half and is_low:
            return (half + character).encode("utf-16", "surrogatepass").decode("utf-16")
        return (_NO_CHARACTER if half else "") + (_NO_CHARACTER if is_low else character)


def _is_other(text: str) -> bool:
    """Whether `text` can no longer become the head that is waited for."""
    bare = re.sub(r"\s+", "", text)
    return not f'{{"{FIELD}":"'.startswith(bare)
